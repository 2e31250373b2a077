"""Answers as people and programs read them: what a command shows, apart from how it is drawn."""
