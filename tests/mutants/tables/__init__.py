"""The mutants, by the room whose promise they break."""
