import pytest

pytest.register_assert_rewrite("tests.recipes.page", "tests.recipes.patterns", "tests.recipes.wishes")
