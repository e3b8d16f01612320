"""What keeps an installation healthy: files of the host, verification."""
