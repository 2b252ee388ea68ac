"""Configuration: the only reader of the command line's values, the environment and files; gives frozen settings.

from trebuchet.config import load_settings
"""

from trebuchet.config.load import ConfigError, load_settings
from trebuchet.config.settings import Settings
from trebuchet.config.values import Credentials, PortRange, SocketAddress

__all__ = ["ConfigError", "Credentials", "PortRange", "Settings", "SocketAddress", "load_settings"]
