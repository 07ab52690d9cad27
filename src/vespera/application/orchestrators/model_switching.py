"""Several models, the preferred one first: which is asked, and which one instead."""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from inspect import isasyncgenfunction, isawaitable
from typing import Any, TypeVar

from vespera.application.ports.breakers import Breakers
from vespera.application.ports.clock import Clock
from vespera.application.runtime.context import TaskContext
from vespera.application.runtime.failures import in_words
from vespera.application.runtime.guarding.circuit_breaker import CircuitBreaker
from vespera.application.runtime.guarding.service_guard import ServiceGuard
from vespera.application.runtime.step_calls import check_step_name
from vespera.domain.errors import (
    CircuitBreakerOpenError,
    InvalidRequest,
    NoModelAvailable,
    StepFailed,
)
from vespera.domain.ladder import checked_models, choice_of, order_from, would_another_do
from vespera.domain.request import text_of
from vespera.domain.retry import RetryPolicy, type_names

logger = logging.getLogger("vespera")
T = TypeVar("T")
Availability = Callable[[str], Awaitable[bool] | bool]


class ModelSwitcherOrchestrator:
    """Asks the preferred model, and the next one of the list if that fails or its breaker is open.

        switcher = ModelSwitcherOrchestrator(models=["starcoder", "mistral"])
        draft = await switcher.run(task, "draft", client.complete, prompt)

    calls ``client.complete("starcoder", prompt)``, and if that fails ``client.complete("mistral",
    prompt)``. Each model has a guard with a breaker of its own: one that failed too often is not
    asked until its rest is over; then a call tries it, and if that succeeds it is the current one
    again. An error that no other model would mend (``AIServiceRefused``, ``RequestError``,
    ``PayloadError``) is raised at once.

    In a task each choice is a step (``"draft.model"``), and so is each call (``"draft"``). A replay
    goes the same way, whatever the breakers say by then: what a model has answered, or failed at,
    is not asked again.
    """

    def __init__(
        self,
        models: Sequence[str],
        *,
        failure_threshold: int = 5,
        reset_after: float = 30.0,
        probe_seconds: float = 30.0,
        retry: RetryPolicy | None = None,
        timeout: float | None = None,
        guards: Mapping[str, ServiceGuard] | None = None,
        is_available: Availability | None = None,
        name: str = "model",
        store: Breakers | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Begin with the first of the models.

        Args:
            models: their names, the preferred one first.
            failure_threshold: as for ``CircuitBreaker``, of each model.
            reset_after: as for ``CircuitBreaker``.
            probe_seconds: as for ``CircuitBreaker``.
            retry: of a call to one model, before the next one is asked; by default none.
            timeout: seconds for each try.
            guards: of models that need another guard than these arguments make.
            is_available: asks a model's service whether it is there, for
                ``check_model_availability``; by default only the breaker is asked.
            name: before the models' names in those of their breakers: ``"model:mistral"``.
            store: where breakers are shared by workers (``Container.breakers``).
            clock: by whose time; by default that of the event loop.

        Raises:
            InvalidRequest: a value makes no sense; the error names it.
        """
        self.models = checked_models(models)
        self._preferred = self._current = self.models[0]
        if is_available is not None:
            _check_callable(is_available, "is_available")
        self._is_available = is_available
        prefix = text_of(name, "name")
        given = self._checked_guards({} if guards is None else guards)
        for model in self.models:
            if model not in given:
                breaker = CircuitBreaker(
                    failure_threshold=failure_threshold,
                    reset_after=reset_after,
                    probe_seconds=probe_seconds,
                    name=f"{prefix}:{model}",
                    store=store,
                )
                given[model] = ServiceGuard(
                    name=model, breaker=breaker, retry=retry, timeout=timeout, clock=clock
                )
        self._guards = given

    def get_current_model(self) -> str:
        """The model that was chosen last, by whatever task of this process, or switched to."""
        return self._current

    async def switch_to_model(self, name: str) -> None:
        """Prefer this model from now on, in this process; while its breaker is open, the others are
        asked in their order.

        Raises:
            InvalidRequest: it is none of the models.
        """
        if name not in self.models:
            raise InvalidRequest(f"{name!r} is none of {list(self.models)}", field="name")
        self._preferred = name
        self._take(name, {})

    async def check_model_availability(self, name: str) -> bool:
        """Whether the model would be asked now: it is one of the list, its breaker does not refuse,
        and ``is_available`` says so, if that was given. If that raises, the model is not available.

        Raises:
            StorageError: the state of a breaker that is shared cannot be read.
        """
        if name not in self.models or await self._refusal(name) is not None:
            return False
        if self._is_available is None:
            return True
        try:
            answer = self._is_available(name)
            return bool(await answer if isawaitable(answer) else answer)
        except Exception as error:  # the boundary to the check; told whole
            logger.warning("Whether model %r is available cannot be told.", name, exc_info=error)
            return False

    async def run(
        self,
        task: TaskContext,
        name: str,
        call: Callable[..., Awaitable[T]],
        /,
        *args: object,
        **kwargs: object,
    ) -> T:
        """What ``call(model, *args, **kwargs)`` gives, of the first model that does it.

        Args:
            task: whose steps the choices and calls are.
            name: of these steps.
            call: async; its first argument is the name of the model.
            args: passed on.
            kwargs: passed on.

        Raises:
            StepFailed: no model did it (``error_types`` has ``"NoModelAvailable"``; the message
                tells of each), or a call failed by what no other model would mend.
            InvalidRequest, LeaseLost: as for ``TaskContext.step``.
        """
        check_step_name(name)
        _check_callable(call, "call")
        passed_over: dict[str, str] = {}
        while True:
            choice = await task.step(f"{name}.model", self._choose, passed_over)
            model = self._take(choice["model"], choice["instead_of"])
            try:
                return await task.step(name, self._ask, model, call, args, kwargs)
            except StepFailed as error:
                if not would_another_do(error.error_types):
                    raise
                passed_over[model] = ": ".join(filter(None, [error.error_types[0], error.message]))

    async def call(
        self, call: Callable[..., Awaitable[T]], /, *args: object, **kwargs: object
    ) -> T:
        """As ``run``, outside of a task: nothing is recorded, and errors are raised as they are.

        Raises:
            NoModelAvailable: no model did it; the last error is its cause.
            InvalidRequest: ``call`` cannot be called.
            Exception: what no other model would mend.
        """
        _check_callable(call, "call")
        passed_over: dict[str, str] = {}
        last: Exception | None = None
        while True:
            try:
                choice = await self._choose(passed_over)
            except NoModelAvailable as error:
                raise error from last
            model = self._take(choice["model"], choice["instead_of"])
            try:
                return await self._ask(model, call, args, kwargs)
            except Exception as error:
                if not would_another_do(type_names(error)):
                    raise
                last, passed_over[model] = error, in_words(error)

    async def _ask(
        self, model: str, call: Callable[..., Awaitable[T]], args: Any, kwargs: Any
    ) -> T:
        answer: T = await self._guards[model].call(call, model, *args, **kwargs)
        return answer

    async def _choose(self, failed: Mapping[str, str]) -> dict[str, Any]:
        """The first model that did not fail in this run, and whose breaker does not refuse."""
        passed_over: dict[str, str] = {}
        waits: list[float] = []
        for model in order_from(self.models, self._preferred):
            refusal = None if model in failed else await self._refusal(model)
            if model in failed:
                passed_over[model] = failed[model]
            elif refusal is None:
                return choice_of(model, passed_over)
            else:
                passed_over[model] = f"{type(refusal).__name__}: {refusal}"
                waits.append(refusal.seconds_left)
        problems = [f"{model}: {why}" for model, why in passed_over.items()]
        raise NoModelAvailable(problems, retry_after=min(waits, default=None))

    async def _refusal(self, model: str) -> CircuitBreakerOpenError | None:
        breaker = self._guards[model].breaker
        if breaker is None:
            return None
        try:
            await breaker.check()
        except CircuitBreakerOpenError as refusal:
            return refusal
        return None

    def _checked_guards(self, guards: Mapping[str, ServiceGuard]) -> dict[str, ServiceGuard]:
        if not isinstance(guards, Mapping):
            raise InvalidRequest("must be a mapping of models to guards", field="guards")
        for model, guard in guards.items():
            if model not in self.models:
                raise InvalidRequest(f"{model!r} is none of {list(self.models)}", field="guards")
            if not isinstance(guard, ServiceGuard):
                raise InvalidRequest(
                    f"must be a ServiceGuard, not {guard!r:.60}", field=f"guards[{model!r}]"
                )
        return dict(guards)

    def _take(self, model: str, instead_of: Mapping[str, str]) -> str:
        if model != self._current:
            why = "; ".join(f"{other}: {reason}" for other, reason in instead_of.items())
            logger.info("Model %r takes over from %r: %s", model, self._current, why or "preferred")
            self._current = model
        return model


def _check_callable(value: object, field: str) -> None:
    if not callable(value):
        raise InvalidRequest(f"must be a function, not {value!r:.60}", field=field)
    if isasyncgenfunction(value):
        told = "is an async generator; let it collect what it yields, and return it"
        raise InvalidRequest(told, field=field)
