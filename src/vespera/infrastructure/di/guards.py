"""What guards of outside services stand on."""

from vespera.application.ports.breakers import Breakers
from vespera.infrastructure.di.adapters import Adapters
from vespera.infrastructure.di.base import Provider, providers
from vespera.infrastructure.persistence.breakers import SqlBreakers


class GuardParts(Adapters):
    """What is known of services, and shared by all workers of the database."""

    breakers: Provider[Breakers] = providers.Singleton(SqlBreakers, Adapters.database)
