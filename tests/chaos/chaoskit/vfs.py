"""A layer between SQLite and the files, through ctypes, in the process that installs it.

``install(watcher)`` wraps SQLite's default VFS and makes the wrapper the default, so that whatever
opens a database in this process from then on goes through it, the standard library's ``sqlite3``
included: it must link the same library, which is made sure of. It cannot be taken out again; do it
in a process of its own.
"""

import _sqlite3
import ctypes
import sqlite3
from collections.abc import Callable
from typing import Any, Protocol

POINTER, INT, WIDE = ctypes.c_void_p, ctypes.c_int, ctypes.c_int64
OK = 0
CREATES = 0x4
_NAME = b"chaos"


class Watcher(Protocol):
    """Who is asked before each operation, and told after it.

    ``before`` gives a result code of SQLite: 0 lets the operation happen, anything else makes it
    fail. It may shorten the data of a write by returning a pair of code and length: so much is
    written, and then the code is given back.
    """

    def before(self, operation: str, path: str, data: bytes = b"") -> "int | tuple[int, int]":
        """Asked in whatever thread SQLite works."""
        ...

    def after(self, operation: str, path: str, place: int = 0, data: bytes = b"") -> None:
        """The operation has succeeded. ``place``: the offset, the new size, or the flags."""
        ...


class _Methods(ctypes.Structure):
    _fields_ = [
        ("version", INT),
        *(
            (name, POINTER)
            for name in [
                "close",
                "read",
                "write",
                "truncate",
                "sync",
                "size",
                "lock",
                "unlock",
                "check_lock",
                "control",
                "sector",
                "traits",
                "shm_map",
                "shm_lock",
                "shm_barrier",
                "shm_unmap",
                "fetch",
                "unfetch",
            ]
        ),
    ]


class _File(ctypes.Structure):
    _fields_ = [("methods", ctypes.POINTER(_Methods))]


class _Vfs(ctypes.Structure):
    _fields_ = [
        ("version", INT),
        ("file_size", INT),
        ("longest_path", INT),
        ("next", POINTER),
        ("name", ctypes.c_char_p),
        ("data", POINTER),
        *(
            (name, POINTER)
            for name in [
                "open",
                "delete",
                "access",
                "full_path",
                "dl_open",
                "dl_error",
                "dl_sym",
                "dl_close",
                "randomness",
                "sleep",
                "now",
                "last_error",
                "now64",
                "set_call",
                "get_call",
                "next_call",
            ]
        ),
    ]


# SQLite keeps the very pointer to a name, and looks behind it: so names are passed as pointers.
_OPEN = ctypes.CFUNCTYPE(INT, POINTER, POINTER, POINTER, INT, POINTER)
_DELETE = ctypes.CFUNCTYPE(INT, POINTER, ctypes.c_char_p, INT)
_CLOSE = ctypes.CFUNCTYPE(INT, POINTER)
_READ = ctypes.CFUNCTYPE(INT, POINTER, POINTER, INT, WIDE)
_WRITE = _READ
_TRUNCATE = ctypes.CFUNCTYPE(INT, POINTER, WIDE)
_SYNC = ctypes.CFUNCTYPE(INT, POINTER, INT)
_SHM_MAP = ctypes.CFUNCTYPE(INT, POINTER, INT, INT, INT, POINTER)
_METHODS_IN_VERSION = {1: 12, 2: 16, 3: 18}
_IOERR = 10


def install(watcher: Watcher) -> None:
    """From now on, every database file that this process opens is watched."""
    _Layer(_library(), watcher).register()


def _library() -> ctypes.CDLL:
    """The very SQLite that the ``sqlite3`` module works with."""
    library = ctypes.CDLL(getattr(_sqlite3, "__file__", None))
    library.sqlite3_libversion.restype = ctypes.c_char_p
    library.sqlite3_vfs_find.restype = ctypes.POINTER(_Vfs)
    library.sqlite3_vfs_find.argtypes = [ctypes.c_char_p]
    library.sqlite3_vfs_register.argtypes = [ctypes.POINTER(_Vfs), INT]
    assert library.sqlite3_libversion().decode() == sqlite3.sqlite_version
    return library


class _Layer:
    """The wrapper. It and all of its callbacks live as long as the process."""

    _alive: "list[_Layer]" = []

    def __init__(self, library: ctypes.CDLL, watcher: Watcher) -> None:
        self._library, self._watcher = library, watcher
        self._base = library.sqlite3_vfs_find(None).contents
        self._paths: dict[int, str] = {}
        self._tables: dict[int, _Methods] = {}
        self._kept: list[object] = []
        self._vfs = _Vfs.from_buffer_copy(self._base)
        self._vfs.name, self._vfs.next = _NAME, None
        self._vfs.open = self._address(_OPEN(self._opening(_OPEN(self._base.open))))
        self._vfs.delete = self._address(_DELETE(self._deleting(_DELETE(self._base.delete))))

    def register(self) -> None:
        assert self._library.sqlite3_vfs_register(ctypes.byref(self._vfs), 1) == OK
        self._alive.append(self)

    def _opening(self, original: Any) -> Callable[..., int]:
        base = ctypes.addressof(self._base)

        def open_file(_vfs: int, name: int | None, file: int, flags: int, out: int) -> int:
            path = ctypes.string_at(name).decode() if name else ""
            code = _code(self._watcher.before("open", path))
            if code == OK:
                code = original(base, name, file, flags, out)
            else:  # SQLite closes what has methods, and this has none
                _File.from_address(file).methods = None
            if code == OK and path:
                self._paths[file] = path
                self._watcher.after("open", path, flags)
                wrapped = _File.from_address(file)
                wrapped.methods = ctypes.pointer(self._table(wrapped.methods.contents))
            return int(code)

        return open_file

    def _deleting(self, original: Any) -> Callable[..., int]:
        base = ctypes.addressof(self._base)

        def delete(_vfs: int, name: bytes, sync_directory: int) -> int:
            path = name.decode()
            code = _code(self._watcher.before("delete", path))
            if code == OK:
                code = original(base, name, sync_directory)
            if code == OK:
                self._watcher.after("delete", path, sync_directory)
            return int(code)

        return delete

    def _table(self, original: _Methods) -> _Methods:
        """The methods of the file, those that are watched replaced; one table for each kind."""
        key = ctypes.addressof(original)
        if key not in self._tables:
            table = _Methods()
            count = _METHODS_IN_VERSION[min(original.version, 3)]
            ctypes.memmove(
                ctypes.byref(table),
                ctypes.byref(original),
                ctypes.sizeof(POINTER) * (count + 1),
            )
            table.close = self._address(_CLOSE(self._closing(_CLOSE(original.close))))
            table.read = self._address(_READ(self._reading(_READ(original.read))))
            table.write = self._address(_WRITE(self._writing(_WRITE(original.write))))
            table.truncate = self._plain("truncate", _TRUNCATE, original.truncate)
            table.sync = self._plain("sync", _SYNC, original.sync)
            if original.shm_map:  # only the database itself is mapped, not its log
                table.shm_map = self._plain("map", _SHM_MAP, original.shm_map)
            self._tables[key] = table
        return self._tables[key]

    def _closing(self, original: Any) -> Callable[[int], int]:
        def close(file: int) -> int:
            self._paths.pop(file, None)
            return int(original(file))

        return close

    def _reading(self, original: Any) -> Callable[..., int]:
        def read(file: int, buffer: int, length: int, offset: int) -> int:
            code = _code(self._watcher.before("read", self._paths[file]))
            return code or int(original(file, buffer, length, offset))

        return read

    def _writing(self, original: Any) -> Callable[..., int]:
        def write(file: int, buffer: int, length: int, offset: int) -> int:
            path, data = self._paths[file], ctypes.string_at(buffer, length)
            answer = self._watcher.before("write", path, data)
            code, done = answer if isinstance(answer, tuple) else (answer, 0 if answer else length)
            if done:
                wrote = int(original(file, buffer, done, offset))
                if wrote == OK:
                    self._watcher.after("write", path, offset, data[:done])
                code = code or wrote
            return code

        return write

    def _plain(self, operation: str, kind: Any, address: int) -> int:
        original = kind(address)

        def act(file: int, first: int, *more: int) -> int:
            path = self._paths[file]
            code = _code(self._watcher.before(operation, path))
            if code == OK:
                code = int(original(file, first, *more))
                if code == OK:
                    self._watcher.after(operation, path, first)
            return code

        self._kept.append(original)
        return self._address(kind(act))

    def _address(self, callback: Any) -> int:
        self._kept.append(callback)
        address = ctypes.cast(callback, POINTER).value
        assert address is not None
        return address


def _code(answer: "int | tuple[int, int]") -> int:
    return answer[0] if isinstance(answer, tuple) else answer
