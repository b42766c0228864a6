"""What a program may say: the tables of inputs and settings, their types, parsing, the schema."""
