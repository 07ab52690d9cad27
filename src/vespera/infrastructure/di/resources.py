"""What is acquired for a while: the types that there are, and who releases what."""

import random
from typing import Any

from vespera.application.ports.resources import ResourceRepository
from vespera.application.runtime.resources.catalogue import ResourceCatalogue
from vespera.application.runtime.resources.manager import AsyncResourceManager
from vespera.application.runtime.resources.reclaiming import Reclaiming
from vespera.application.runtime.supervision import Supervision
from vespera.infrastructure.di.adapters import Adapters
from vespera.infrastructure.di.base import Provider, Service, providers
from vespera.infrastructure.di.options import catalogue_of
from vespera.infrastructure.persistence.resource_repository import SqlResourceRepository
from vespera.infrastructure.persistence.session_resources import DatabaseSessions
from vespera.infrastructure.resources.child_processes import ChildProcesses
from vespera.infrastructure.resources.file_locks import FileLocks
from vespera.infrastructure.resources.http_sessions import HttpSessions
from vespera.infrastructure.resources.rehearsals import rehearsal
from vespera.infrastructure.resources.temporary_directories import TemporaryDirectories


class ResourceParts(Adapters):
    """The resource manager and the types of resources. A subclass adds its own:
    ``resource_types = providers.Aggregate({**Container.resource_types.providers, "mine": ...})``.
    """

    resource_types: providers.Aggregate[Any] = providers.Aggregate(
        temporary_directory=providers.Singleton(TemporaryDirectories, Adapters.threads),
        file_lock=providers.Singleton(FileLocks, Adapters.threads, Adapters.clock),
        subprocess=providers.Singleton(ChildProcesses, Adapters.threads, Adapters.clock),
        http_session=providers.Singleton(HttpSessions),
        database_session=providers.Singleton(DatabaseSessions, Adapters.database),
        test_resource=providers.Object(rehearsal),
    )
    resources: Provider[ResourceRepository] = providers.Singleton(
        SqlResourceRepository, Adapters.database
    )
    resource_catalogue = providers.Singleton(
        ResourceCatalogue, catalogue=providers.Singleton(catalogue_of, resource_types.provider)
    )
    reclaiming = providers.Singleton(
        Reclaiming,
        repository=resources,
        catalogue=resource_catalogue,
        owners=Adapters.owners,
        clock=Adapters.clock,
        release_seconds=Adapters.config.release_seconds,
    )
    resource_manager = Service(
        AsyncResourceManager,
        repository=resources,
        catalogue=resource_catalogue,
        reclaiming=reclaiming,
        supervision=providers.Singleton(
            Supervision,
            clock=Adapters.clock,
            chance=providers.Object(random.random),
            threads=Adapters.step_threads,
        ),
        owners=Adapters.owners,
        new_id=Adapters.new_id,
        release_seconds=Adapters.config.release_seconds,
    )
