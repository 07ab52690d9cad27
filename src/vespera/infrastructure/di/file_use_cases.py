"""What is said of files, proven, and kept of them."""

from vespera.application.usecases.attested_files import AttestedFiles
from vespera.application.usecases.audit_tasks import AuditTasksUseCase
from vespera.application.usecases.audited_records import AuditedRecords
from vespera.application.usecases.excusing import Excusing
from vespera.application.usecases.families import Families
from vespera.application.usecases.file_diffs import FileDiffs
from vespera.application.usecases.find_undeclared import FindUndeclaredUseCase
from vespera.application.usecases.inspect_files import InspectFilesUseCase
from vespera.application.usecases.recover_context import RecoverContextUseCase
from vespera.application.usecases.replaced_contents import ReplacedContents
from vespera.application.usecases.roll_back import RollBackUseCase
from vespera.application.usecases.rollback_scope import RollbackScout
from vespera.application.usecases.rollback_work import RollbackWork
from vespera.application.usecases.snapshot_workspace import SnapshotWorkspaceUseCase
from vespera.application.usecases.task_baselines import TaskBaselines
from vespera.application.usecases.tend_contents import TendContentsUseCase
from vespera.application.usecases.track_file_operations import TrackFileOperationsUseCase
from vespera.application.usecases.waive_findings import WaiveFindingsUseCase
from vespera.application.usecases.workspace_surveys import WorkspaceSurveys
from vespera.domain.policy import proof_policies_of
from vespera.domain.surveying import snapshot_tasks_by_type
from vespera.infrastructure.di.adapters import Adapters
from vespera.infrastructure.di.base import providers
from vespera.infrastructure.files.never_stored import matching, never_stored


class FileUseCases(Adapters):
    """The use cases of files, each on the adapters of its ports."""

    replaced_contents = providers.Singleton(
        ReplacedContents, Adapters.contents, is_kept=Adapters.config.store_replaced
    )
    snapshot_workspace = providers.Singleton(
        SnapshotWorkspaceUseCase,
        scanner=Adapters.scanner,
        snapshots=Adapters.snapshots,
        contents=Adapters.contents,
        threads=Adapters.threads,
        clock=Adapters.clock,
        new_id=Adapters.new_id,
        kept=Adapters.config.snapshots_kept,
    )
    find_undeclared = providers.Singleton(
        FindUndeclaredUseCase,
        snapshot_workspace=snapshot_workspace,
        snapshots=Adapters.snapshots,
        scanner=Adapters.scanner,
        operations=Adapters.operations,
        tasks=Adapters.tasks,
        threads=Adapters.threads,
    )

    # What the gate knows besides the operations.
    snapshot_tasks = providers.Singleton(snapshot_tasks_by_type, Adapters.config.snapshot_tasks)
    baselines = providers.Singleton(
        TaskBaselines,
        snapshots=Adapters.snapshots,
        snapshot_workspace=snapshot_workspace.provider,
        wanted=snapshot_tasks,
    )
    surveys = providers.Singleton(
        WorkspaceSurveys,
        tasks=Adapters.tasks,
        snapshots=Adapters.snapshots,
        find_undeclared=find_undeclared.provider,
        wanted=snapshot_tasks,
    )
    families = providers.Singleton(Families, tasks=Adapters.tasks)
    excusing = providers.Singleton(
        Excusing,
        tasks=Adapters.tasks,
        waivers=Adapters.waivers,
        policies=providers.Singleton(proof_policies_of, Adapters.config.proof),
    )
    track_file_operations = providers.Singleton(
        TrackFileOperationsUseCase,
        operations=Adapters.operations,
        reports=Adapters.reports,
        files=Adapters.files,
        clock=Adapters.clock,
        new_id=Adapters.new_id,
        replaced=replaced_contents,
        excusing=excusing,
        tasks=Adapters.tasks,
        surveys=surveys,
        families=families,
    )
    waive_findings = providers.Singleton(
        WaiveFindingsUseCase,
        tracking=track_file_operations,
        waivers=Adapters.waivers,
        clock=Adapters.clock,
        new_id=Adapters.new_id,
    )
    tend_contents = providers.Singleton(
        TendContentsUseCase,
        contents=Adapters.contents,
        references=Adapters.content_references,
        matching=providers.Object(matching),
    )
    roll_back = providers.Singleton(
        RollBackUseCase,
        scout=providers.Singleton(
            RollbackScout,
            tasks=Adapters.tasks,
            operations=Adapters.operations,
            files=Adapters.files,
            contents=Adapters.contents,
            restorer=Adapters.restorer,
        ),
        work=providers.Singleton(
            RollbackWork,
            rollbacks=Adapters.rollbacks,
            restorer=Adapters.restorer,
            contents=Adapters.contents,
            clock=Adapters.clock,
            new_id=Adapters.new_id,
        ),
        rollbacks=Adapters.rollbacks,
        restorer=Adapters.restorer,
        owners=Adapters.owners,
        clock=Adapters.clock,
        new_id=Adapters.new_id,
    )
    inspect_files = providers.Singleton(
        InspectFilesUseCase,
        operations=Adapters.operations,
        tasks=Adapters.tasks,
        snapshots=Adapters.snapshots,
        files=Adapters.files,
        diffs=providers.Singleton(
            FileDiffs,
            files=Adapters.files,
            contents=Adapters.contents,
            threads=Adapters.threads,
            never=providers.Singleton(never_stored, Adapters.config.store_never),
        ),
    )
    recover_context = providers.Singleton(
        RecoverContextUseCase,
        inspect_files=inspect_files,
        find_undeclared=find_undeclared,
        tasks=Adapters.tasks,
        steps=Adapters.steps,
        contents=Adapters.contents,
        clock=Adapters.clock,
        plain=Adapters.codec.provided.plain,
    )
    audit_tasks = providers.Singleton(
        AuditTasksUseCase,
        trail=Adapters.audit_trail,
        signing=Adapters.signing,
        records=providers.Singleton(
            AuditedRecords,
            operations=Adapters.operations,
            reports=Adapters.reports,
            tasks=Adapters.tasks,
        ),
        files=providers.Singleton(
            AttestedFiles,
            inspect_files=inspect_files,
            tasks=Adapters.tasks,
            files=Adapters.files,
            contents=Adapters.contents,
            threads=Adapters.threads,
        ),
        clock=Adapters.clock,
    )
