"""``python -m project_service``: the service, with a database and files in a directory."""

import asyncio
import secrets
from contextlib import AsyncExitStack
from pathlib import Path

import click

from project_service.container import ServiceContainer
from project_service.offline import offline_model
from project_service.serving import serve
from vespera.domain.errors import VesperaError


@click.command(context_settings={"auto_envvar_prefix": "PROJECT_SERVICE"})
@click.option("--home", type=click.Path(path_type=Path, file_okay=False), default="build/service")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True)
@click.option("--api-key", "api_keys", multiple=True, help="Lets callers in; give one or several.")
@click.option("--model-url", help="An OpenAI-compatible API, ending with /v1.")
@click.option("--model-name", default="test-model", show_default=True)
@click.option("--model-key", default="", help="Sent to that API.")
@click.option("--drain", type=click.FloatRange(0), default=10.0, help="Seconds to end work in.")
def main(
    *,
    home: Path,
    host: str,
    port: int,
    api_keys: tuple[str, ...],
    model_url: str | None,
    model_name: str,
    model_key: str,
    drain: float,
) -> None:
    """Serve projects by HTTP. Each option can be given in the environment, too, as
    PROJECT_SERVICE_PORT; without a model's address, a model on loopback quotes sentences.
    """
    if not all(api_keys):
        raise click.BadParameter("an empty key would let nobody in", param_hint="--api-key")
    keys = api_keys or (secrets.token_urlsafe(16),)
    if not api_keys:
        click.echo(f"No key was given; use this one:\n\n  export KEY={keys[0]}\n", err=True)
    workspace = home / "workspace"
    try:
        workspace.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = f"{workspace}: it cannot be made: {error.strerror}; --home says where else"
        raise click.ClickException(reason) from error
    settings = {
        "database_url": f"sqlite+aiosqlite:///{home / 'service.db'}",
        "workspace": str(workspace),
        "api_keys": keys,
        "model_name": model_name,
        "model_key": model_key,
        "drain_seconds": drain,
    }
    try:
        asyncio.run(_serve(settings, model_url, host, port))
    except VesperaError as error:
        raise click.ClickException(str(error)) from error


async def _serve(settings: dict[str, object], model_url: str | None, host: str, port: int) -> None:
    async with AsyncExitStack() as stack:
        if model_url is None:
            model_url = (await stack.enter_async_context(offline_model())).base_url
        container = ServiceContainer(settings, model_url=model_url)
        await stack.enter_async_context(container)  # what keeps it from starting is told here
        await serve(container, host, port)


if __name__ == "__main__":
    main(prog_name="python -m project_service")
