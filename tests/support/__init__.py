"""What end-to-end tests share: the real server as a process, foreign phones, a client that uses curl."""
