"""Each secret may be in a file that NAME_FILE names."""

import re

import pytest

from process.secret_files import SecretFileError, read, resolved


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "secret"
    path.write_text("  $s3cret value\r\n")
    return str(path)


def test_the_file_is_read_without_what_editors_add(file):
    assert read("X", {"X_FILE": file}) == "$s3cret value"
    assert read("X", {"X_FILE": f" {file} ", "X": " "}) == "$s3cret value"


def test_without_a_file_the_variable_counts_and_then_the_default():
    assert read("X", {"X": " here ", "X_FILE": ""}, "default") == "here"
    assert read("X", {}, "default") == "default"


def test_a_copy_of_the_example_is_no_second_value(file):
    assert read("X", {"X": "default", "X_FILE": file}, "default") == "$s3cret value"


@pytest.mark.parametrize("value", ["$s3cret value", "another"])
def test_both_are_refused_also_if_they_are_equal(file, value):
    with pytest.raises(SecretFileError, match=r"^X and X_FILE are both set: set one of them\.$"):
        read("X", {"X": value, "X_FILE": file})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "can't be read (No such file or directory): name a file that has the secret."),
        (b"\xff\xfe\x00", "can't be read (it is no UTF-8 text): name a file that has the secret."),
        (b" \n", "is empty: write the secret into this file."),
    ],
)
def test_a_file_without_a_secret_is_a_sentence(tmp_path, content, said):
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SecretFileError, match=re.escape(f"X_FILE={str(path)!r} {said}")):
        read("X", {"X_FILE": str(path)})


@pytest.mark.parametrize("path", ["/", "nul\0l"])
def test_what_is_no_file_is_a_sentence(path):
    with pytest.raises(SecretFileError, match="can't be read"):
        read("X", {"X_FILE": path})


def test_resolved_variables_name_no_file_any_more(file):
    assert resolved(["X", "Y"], {"X_FILE": file, "Z": "1"}) == {"X": "$s3cret value", "X_FILE": "", "Z": "1"}
