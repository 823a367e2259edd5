"""A PostgreSQL server of our own, for machines without one: it needs no installation, no port and no root."""

from models.embedded.binaries import binaries_folder
from models.embedded.errors import EmbeddedError
from models.embedded.home import remove
from models.embedded.server import Server, create_database, running_server

__all__ = ["EmbeddedError", "Server", "binaries_folder", "create_database", "remove", "running_server"]
