"""The command line: `trebuchet serve`, `init`, `account`, `doctor`."""
