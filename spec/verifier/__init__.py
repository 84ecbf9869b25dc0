"""A second implementation of the synlog protocol, written from the pages of spec/."""
