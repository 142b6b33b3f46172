"""Work in a pool of threads whose results come in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def in_order(
    function: Callable[..., T], arguments: Iterable[tuple[object, ...]], threads: int
) -> Iterator[T]:
    """Call a function in a pool of threads, its results in the order of its arguments.

    At most ``threads + 1`` calls are ahead of the result that is being used, whatever the input's
    size. An error surfaces in its place, be it the function's or the arguments', as if there was
    one thread.
    """
    with ThreadPoolExecutor(threads, "worker") as pool:
        ahead: deque[Future[T]] = deque()
        try:
            for future in _submitted(pool, function, arguments):
                ahead.append(future)
                if len(ahead) > threads:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()


def _submitted(
    pool: ThreadPoolExecutor, function: Callable[..., T], arguments: Iterable[tuple[object, ...]]
) -> Iterator[Future[T]]:
    """The calls on their way; an error in the arguments becomes the last one's."""
    try:
        for each in arguments:
            yield pool.submit(function, *each)
    except Exception as error:
        failed: Future[T] = Future()
        failed.set_exception(error)
        yield failed
