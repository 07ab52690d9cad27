"""The wiring: Vespera's container, with the audit's own parts and specialists."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from codebase_audit.audit_log import AppendedLog, AuditLog
from codebase_audit.sources import DiskReader, SourceReader
from codebase_audit.specialists import Analyst, Editor
from vespera import Container, Provider, providers


def home_in(workspace: str | Path) -> Path:
    """Where the audit keeps what is its own: beside Vespera's database, out of tracking's way."""
    return Path(workspace, ".vespera", "codebase_audit")


def _log_in(workspace: str | Path) -> AppendedLog:
    return AppendedLog(home_in(workspace) / "audits.log")


class AuditContainer(Container):
    """Vespera with an analyst and an editor."""

    # A module's report may list thousands of functions.
    defaults: ClassVar[Mapping[str, object]] = {"payload_limit": 16 * 1024 * 1024}

    reader: Provider[SourceReader] = providers.Singleton(DiskReader)
    audit_log: Provider[AuditLog] = providers.Singleton(_log_in, Container.config.workspace)
    specialists = providers.Aggregate(
        analyst=providers.Factory(Analyst, reader=reader, log=audit_log, files=Container.files),
        editor=providers.Factory(Editor, files=Container.files),
    )
