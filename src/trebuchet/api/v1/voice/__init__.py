"""What a call's party hears: play, stop, send keys."""
