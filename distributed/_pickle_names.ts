import { PyGlobal } from "./python_types.ts";

/**
 * The closed list of the names that are read. Nothing is called for any of them: they are what data is
 * described by.
 */

/**
 * What a name is.
 *
 * - `"exception"`: a class of exceptions.
 * - `"data"`: a class, or the function that makes its objects, whose call is kept as it is described. The
 *   call must be harmless in Python too, where it is made when the object is sent on.
 * - `"made"`: its objects have a counterpart here.
 * - `"name"`: it may be named, and not called.
 */
export type NameKind = "exception" | "data" | "made" | "name";

/** A name that is read. */
export interface ListedName {
  readonly global: PyGlobal;
  readonly kind: NameKind;
}

/** The classes of exceptions that are built in. */
export const BUILTIN_EXCEPTIONS: ReadonlySet<string> = new Set(
  `ArithmeticError AssertionError AttributeError BaseException BaseExceptionGroup BlockingIOError
  BrokenPipeError BufferError BytesWarning ChildProcessError ConnectionAbortedError ConnectionError
  ConnectionRefusedError ConnectionResetError DeprecationWarning EOFError EncodingWarning Exception
  ExceptionGroup FileExistsError FileNotFoundError FloatingPointError FutureWarning GeneratorExit
  ImportError ImportWarning IndentationError IndexError InterruptedError IsADirectoryError KeyError
  KeyboardInterrupt LookupError MemoryError ModuleNotFoundError NameError NotADirectoryError
  NotImplementedError OSError OverflowError PendingDeprecationWarning PermissionError
  ProcessLookupError PythonFinalizationError RecursionError ReferenceError ResourceWarning
  RuntimeError RuntimeWarning StopAsyncIteration StopIteration SyntaxError SyntaxWarning SystemError
  SystemExit TabError TimeoutError TypeError UnboundLocalError UnicodeDecodeError UnicodeEncodeError
  UnicodeError UnicodeTranslateError UnicodeWarning UserWarning ValueError Warning
  ZeroDivisionError`.split(/\s+/),
);

/** The classes of proxies, which are named inside a message that has a proxy. */
export const PROXY_TYPES: ReadonlySet<string> = new Set(
  `AutoProxy ListProxy DictProxy SetProxy NamespaceProxy ValueProxy ArrayProxy AcquirerProxy
  ConditionProxy EventProxy BarrierProxy IteratorProxy PoolProxy BaseProxy`.split(/\s+/),
);

const LISTED: Readonly<Record<NameKind, Readonly<Record<string, string>>>> = {
  exception: {
    builtins: [...BUILTIN_EXCEPTIONS].join(" "),
    _queue: "Empty",
    queue: "Empty Full ShutDown",
    threading: "BrokenBarrierError ThreadError",
    "multiprocessing.context": "ProcessError TimeoutError AuthenticationError BufferTooShort",
    "multiprocessing.managers": "RemoteError",
    "multiprocessing.pool": "MaybeEncodingError RemoteTraceback",
    "concurrent.futures._base":
      "Error CancelledError TimeoutError InvalidStateError BrokenExecutor",
    "concurrent.futures.process": "BrokenProcessPool _RemoteTraceback",
    "concurrent.futures.thread": "BrokenThreadPool",
    "asyncio.exceptions": `CancelledError InvalidStateError TimeoutError IncompleteReadError
      LimitOverrunError SendfileNotAvailableError BrokenBarrierError`,
    "asyncio.queues": "QueueEmpty QueueFull QueueShutDown",
    subprocess: "SubprocessError CalledProcessError TimeoutExpired",
    pickle: "PickleError PicklingError UnpicklingError",
    _pickle: "PickleError PicklingError UnpicklingError",
    struct: "error",
    zlib: "error",
    binascii: "Error Incomplete",
    "json.decoder": "JSONDecodeError",
    socket: "gaierror herror timeout error",
    select: "error",
    ssl: `SSLError SSLZeroReturnError SSLWantReadError SSLWantWriteError SSLSyscallError SSLEOFError
      SSLCertVerificationError`,
    "urllib.error": "URLError HTTPError ContentTooShortError",
    decimal: `DecimalException Clamped InvalidOperation ConversionSyntax DivisionByZero
      DivisionImpossible DivisionUndefined Inexact InvalidContext Rounded Subnormal Overflow Underflow
      FloatOperation`,
    shutil: "Error SameFileError SpecialFileError ExecError ReadError RegistryError",
    copy: "Error",
    csv: "Error",
    _csv: "Error",
    lzma: "LZMAError",
    _lzma: "LZMAError",
    statistics: "StatisticsError",
    "zoneinfo._common": "ZoneInfoNotFoundError",
    "xml.etree.ElementTree": "ParseError",
    configparser: "Error NoSectionError NoOptionError ParsingError DuplicateSectionError",
    sqlite3: `Warning Error InterfaceError DatabaseError DataError OperationalError IntegrityError
      InternalError ProgrammingError NotSupportedError`,
  },
  data: {
    builtins: "slice range complex",
    datetime: "date time timedelta timezone",
    decimal: "Decimal",
    fractions: "Fraction",
    uuid: "UUID SafeUUID",
    ipaddress: "IPv4Address IPv6Address",
    pathlib: "PurePath PurePosixPath PureWindowsPath Path PosixPath WindowsPath",
    "pathlib._local": "PurePath PurePosixPath PureWindowsPath Path PosixPath WindowsPath",
    types: "SimpleNamespace",
    "multiprocessing.managers": "Namespace Value",
    "multiprocessing.reduction": "_rebuild_partial",
    zoneinfo: "ZoneInfo._unpickle",
  },
  made: {
    builtins: "list set frozenset bytes bytearray iter reversed type getattr",
    collections: "OrderedDict defaultdict Counter deque",
    datetime: "datetime",
    array: "array _array_reconstructor",
    copyreg: "_reconstructor __newobj__ __newobj_ex__",
    _codecs: "encode",
    "multiprocessing.managers": "Token RebuildProxy",
    "multiprocessing.pool": "rebuild_exc",
    "concurrent.futures.process": "_rebuild_exc",
  },
  name: {
    builtins:
      `Ellipsis NotImplemented object int float str bool dict tuple memoryview len abs min max
      sum sorted repr hash ord chr bin hex oct round divmod pow any all`,
    zoneinfo: "ZoneInfo",
    "multiprocessing.managers": [...PROXY_TYPES].join(" "),
  },
};

const names = new Map<string, Map<string, ListedName>>();
const kinds = new Map<PyGlobal, NameKind>();

for (const [kind, modules] of Object.entries(LISTED) as [NameKind, Record<string, string>][]) {
  for (const [module, list] of Object.entries(modules)) {
    let inModule = names.get(module);
    if (inModule === undefined) names.set(module, inModule = new Map());
    for (const name of list.split(/\s+/)) {
      const global = new PyGlobal(module, name);
      inModule.set(name, { global, kind });
      kinds.set(global, kind);
    }
  }
}

/** The name, when it is on the list. */
export function listedName(module: string, name: string): PyGlobal | undefined {
  return names.get(module)?.get(name)?.global;
}

/** What a name of the list is; `undefined` for one that is not on it. */
export function kindOf(global: PyGlobal): NameKind | undefined {
  return kinds.get(global);
}

/** All names of the list. */
export function* listedNames(): Generator<ListedName> {
  for (const inModule of names.values()) yield* inModule.values();
}

/** What Python 3 writes in protocols 0 to 2, so that Python 2 could read it. */
const OLD_MODULES: Readonly<Record<string, string>> = {
  __builtin__: "builtins",
  exceptions: "builtins",
  copy_reg: "copyreg",
  Queue: "queue",
  commands: "subprocess",
};

const OLD_NAMES: Readonly<Record<string, string>> = {
  "__builtin__.xrange": "range",
  "__builtin__.unicode": "str",
  "__builtin__.long": "int",
  "exceptions.StandardError": "Exception",
};

/** The name that Python 3 has for one of a pickle of protocol 0 to 2. */
export function modernName(module: string, name: string): [module: string, name: string] {
  if (module === "multiprocessing" && listedName("multiprocessing.context", name) !== undefined) {
    return ["multiprocessing.context", name];
  }
  if (!Object.hasOwn(OLD_MODULES, module)) return [module, name];
  const old = `${module}.${name}`;
  return [OLD_MODULES[module]!, Object.hasOwn(OLD_NAMES, old) ? OLD_NAMES[old]! : name];
}
