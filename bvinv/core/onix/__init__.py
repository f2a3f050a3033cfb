"""ONIX for Books: the messages in which publishers tell what they sell."""
