"""Servers on loopback that do as they are told: clients are tested over real sockets."""

from vespera.testing.servers.endpoints import Endpoint
from vespera.testing.servers.http_server import HttpServer
from vespera.testing.servers.messages import RecordedRequest, Reply
from vespera.testing.servers.model_server import ModelServer

__all__ = ["Endpoint", "HttpServer", "ModelServer", "RecordedRequest", "Reply"]
