"""Makes the tools of a plan or of a method from the retriever and the models that the command line names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .inputs import api_key
from .options import MOST_PASSAGES
from .screen import Screen
from .status import Stop

if TYPE_CHECKING:
    from ..methods import Host
    from ..models.reply import Price
    from ..retrieval.corpus import CorpusReport
    from ..retrieval.index import BM25Index
    from ..retrieval.passages import Passage, Retriever
    from ..runtime.tools import Tool
    from .config import ModelChoice
    from .searching import Searching

_PROBLEMS_SHOWN = 5
_CLIENT_OPTIONS = ("temperature", "max_tokens", "enable_thinking", "timeout", "deadline", "max_retries")
_ENGINE_TIMEOUT = 600.0  # seconds; long, because an engine in this process may be slow but is always reachable


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where passages and answers come from. The attributes are the options of the same names."""

    corpus: Path | None = None
    retriever: str | None = None
    index: Path | None = None
    llm_base_url: str | None = None
    model: str | None = None
    api_key_env: str | None = None
    topk: int = 5
    call_timeout: float | None = None
    strict_corpus: bool = False
    search_mode: str = "lexical"
    rerank: str | None = None
    embed: ModelChoice | None = None
    cache: Path | None = None

    @property
    def about(self) -> dict[str, str]:
        """The names of the model and of the corpus, for the header of a trace."""
        found = self.retriever or str(self.corpus or self.index or "bundled passages")
        return {"model": self.model or "embedded reader", "corpus": found}

    def check(self) -> None:
        """Raise Stop if options contradict each other, or if one is missing that another needs."""
        if self.corpus and self.retriever:
            raise Stop("--corpus and --retriever: give one of them")
        if self.index and self.retriever:
            raise Stop("--index and --retriever: give one of them")
        if self.search_mode != "lexical" and not (self.corpus or self.index):
            raise Stop(f"--search-mode {self.search_mode}: give --index, an index with vectors (pyrag index embed)")
        if self.strict_corpus and not self.corpus:
            raise Stop("--strict-corpus needs --corpus")
        if self.model and not self.llm_base_url:
            raise Stop("--model: give the address of the model with --llm-base-url")
        if self.llm_base_url and not self.model:
            raise Stop("--llm-base-url: name the model with --model")
        if self.api_key_env and not self.llm_base_url:
            raise Stop("--api-key-env: give --llm-base-url too, the address to which the key is sent")
        if not 1 <= self.topk <= MOST_PASSAGES:
            raise Stop(f"--topk: a number from 1 to {MOST_PASSAGES}, not {self.topk}")


@contextmanager
def recorded_tools(sources: Sources, screen: Screen, names: Iterable[str]) -> Iterator[dict[str, Tool]]:
    """Yield the tools with these names, for a re-run of a plan or of a method. Raises Stop."""
    wanted = set(names)
    if wanted <= {"retrieve", "answer"}:
        with tools_of(sources, screen) as tools:
            yield tools
        return
    from ..agents.roles import Models

    with ExitStack() as stack:
        models = None
        if sources.llm_base_url and sources.model:
            model = chat_model(sources.model, sources.llm_base_url, sources.api_key_env, "answer", screen)
            models = Models.of(stack.enter_context(model))
        made = host_of(sources, models, screen, stack).toolset(selective=True)
        lacking = sorted(wanted - made.keys())
        if lacking:
            raise Stop(f"the trace has calls of `{lacking[0]}`, which needs a model: give --llm-base-url and --model")
        yield {name: made[name] for name in wanted}


@contextmanager
def tools_of(sources: Sources, screen: Screen) -> Iterator[dict[str, Tool]]:
    """Yield `retrieve` and `answer` for a run. Their retriever and model are closed at the end. Raises Stop."""
    with ExitStack() as stack:
        # The model comes first: building an index may take minutes, and a missing key should be found before that.
        answer = _answerer(sources, screen, stack)
        retriever = opened_retriever(sources, screen, stack)
        from ..agents.retrieving import retrieve_tool

        yield {
            "retrieve": retrieve_tool(retriever, sources.topk),
            "answer": answer,
        }


def host_of(
    sources: Sources,
    models: Any,
    screen: Screen,
    stack: ExitStack,
    ladder: tuple[int, ...] = (),
    reader: str | None = None,
    **more: Any,
) -> Host:
    """The host of a method, made from the options of the command line.

    Args:
        sources: where passages come from.
        models: the models by role; None if there is no model.
        screen: where messages are shown.
        stack: closes the passages at its end.
        ladder: the values of top-k for adaptive retrieval; empty for the usual ones.
        reader: "builtin" if the embedded reader answers although there is a model.
        more: further arguments of `Host`.

    Raises:
        Stop: the passages cannot be used as the options say.
    """
    from ..agents.adaptive import LADDER, AdaptiveRetrieval
    from ..agents.retrieving import retrieve_tool
    from ..methods import Host
    from ..runtime.tools import tool

    found = opened_search(sources, screen, stack)
    further = {}
    if models is None or reader == "builtin":
        from ..reader import EmbeddedReader

        further["answer"] = tool(EmbeddedReader().answer, "answer", idempotent=True)
    return Host(
        models=models,
        retrieve=retrieve_tool(found.retriever, sources.topk),
        retriever=found.chunks,
        sentences=found.sentences,
        tools=further,
        adaptive=AdaptiveRetrieval(ladder=ladder or LADDER),
        **more,
    )


def model_of(
    choice: ModelChoice,
    role: str,
    screen: Screen,
    fields: Mapping[str, Any],
    max_concurrency: int | None = None,
    *,
    price: Price | None = None,
) -> Any:
    """The client of a chosen model in a role. `fields` are added to each request. Raises Stop."""
    place, name, key, options = choice
    return chat_model(str(name), str(place), key, role, screen, {**options, **fields}, max_concurrency, price=price)


def price_of(given: str | None, option: str) -> Price | None:
    """The price of a model, from the text of an option. Raises Stop."""
    from ..models.reply import Price

    if given is None:
        return None
    try:
        rates = [float(each) for each in given.split(",")]
        if len(rates) not in (2, 3) or not all(0 <= rate < float("inf") for rate in rates):
            raise ValueError
    except ValueError:
        raise Stop(f"{option}: IN,OUT or IN,OUT,CACHED per million tokens, such as 0.15,0.6, not {given}") from None
    return Price(*rates)


def chat_model(
    name: str,
    base_url: str,
    key_variable: str | None,
    role: str,
    screen: Screen,
    fields: Mapping[str, Any] | None = None,
    max_concurrency: int | None = None,
    *,
    price: Price | None = None,
) -> Any:
    """The client of a model. It is a context manager that closes the client. Raises Stop."""
    from ..models.client import ChatModel
    from ..models.engines import EngineAddress
    from ..models.errors import ModelError

    key = api_key(key_variable)
    extra = dict(fields or {})
    usual = {each: extra.pop(each) for each in _CLIENT_OPTIONS if each in extra}
    try:
        if EngineAddress.parse(base_url) is not None:
            usual.setdefault("timeout", _ENGINE_TIMEOUT)
        made = ChatModel(
            name,
            base_url,
            api_key=key,
            role=role,
            notice=lambda line: screen.line(("[Wait] ", "warn"), line),
            extra_body=extra,
            max_concurrency=max_concurrency,
            prices=None if price is None else {name: price},
            **usual,
        )
        if made.engine is not None and role == "answer":
            screen.line(("model: ", "dim"), f"{made.engine} loads {base_url.partition(':')[2]}")
        return made
    except ValueError as error:
        raise Stop(f"the address of the {role} model: {error}") from None
    except (ModelError, TypeError) as error:
        raise Stop(str(error)) from None


def opened_retriever(sources: Sources, screen: Screen, stack: ExitStack) -> Retriever:
    """The retriever that the options name, or that of the bundled passages; closed with `stack`. Raises Stop."""
    return opened_search(sources, screen, stack).retriever


def opened_search(sources: Sources, screen: Screen, stack: ExitStack) -> Searching:
    """As `opened_retriever`, together with the other ways to search the same passages. Raises Stop."""
    from .searching import Searching, by_meaning, reranked

    found = _opened(sources, screen, stack)
    searching = Searching(found, found)
    home = sources.index or (sources.corpus and sources.corpus.with_name(sources.corpus.name + ".pyrag-index"))
    if sources.search_mode != "lexical" and home is not None:
        from .config import Config, embedding

        choice = sources.embed or embedding(Config())
        searching = by_meaning(sources.search_mode, found, home, choice, screen, stack)
    if sources.rerank is not None:
        searching = replace(searching, retriever=reranked(searching.retriever, sources.rerank))
    if sources.cache is not None:
        searching = replace(searching, retriever=_cached(searching.retriever, sources.cache, screen, stack))
    return searching


def _cached(found: Retriever, cache: Path, screen: Screen, stack: ExitStack) -> Retriever:
    from ..retrieval.cached import CachedRetriever
    from ..retrieval.errors import IndexStorageError, RetrieverError

    try:
        return stack.enter_context(CachedRetriever(found, cache))
    except (ValueError, RetrieverError) as error:
        raise Stop(f"--retrieval-cache: {error}") from None
    except IndexStorageError as error:
        screen.say(("warning: ", "warn"), f"--retrieval-cache {error}; the cache is not used")
        return found


def _opened(sources: Sources, screen: Screen, stack: ExitStack) -> Any:
    if sources.retriever:
        from ..retrieval.errors import RetrieverError
        from ..retrieval.search_engines import retriever_at

        try:
            timeout = 10.0 if sources.call_timeout is None else sources.call_timeout
            return stack.enter_context(retriever_at(sources.retriever, timeout=timeout))
        except (ValueError, RetrieverError) as error:
            raise Stop(f"--retriever: {error}") from None
    if sources.corpus:
        opened = stack.enter_context(open_corpus(sources.corpus, sources.index, screen))
        if sources.strict_corpus and not opened.report.complete:
            raise Stop("--strict-corpus: the corpus has rows that are not passages")
        return opened
    if sources.index:
        return stack.enter_context(load_index(sources.index))
    from ..retrieval.bundled import bundled_retriever

    return stack.enter_context(bundled_retriever())


def load_index(directory: Path, *, verify: bool = False) -> BM25Index:
    """Open the index in a directory. Raises Stop."""
    from ..retrieval.index import BM25Index

    with index_errors():
        return BM25Index.load(directory, verify=verify)
    raise AssertionError


@contextmanager
def index_errors(place: str = "--index") -> Iterator[None]:
    """Turn an error of a corpus, index or search engine into a Stop. `place` is the name of the index in messages."""
    from ..retrieval.errors import CorpusError, IndexStorageError, RetrieverError

    try:
        yield
    except CorpusError as error:
        raise Stop(f"--corpus {error}") from None
    except IndexStorageError as error:
        raise Stop(f"{place} {error}") from None
    except (RetrieverError, ValueError) as error:
        raise Stop(f"--to {error}") from None


def open_corpus(
    corpus: Path, index: Path | None, screen: Screen, *, rebuild: bool = False, wait: bool = True
) -> BM25Index:
    """Open the index of a corpus. It is built, with a progress bar, if there is none. Raises Stop."""
    from ..retrieval.index import BM25Index

    built = False
    with index_errors(), _progress(corpus, screen) as show:

        def progress(done: int, total: int) -> None:
            nonlocal built
            built = True
            show(done, total)

        made = BM25Index.open(corpus, index, rebuild=rebuild, wait=wait, progress=progress)
    if built and made.path is not None:
        screen.line(("index: ", "dim"), f"kept in {made.path}")
    for notice in made.notices:
        screen.say(("note: ", "warn"), notice)
    _tell_skipped(corpus, made.report, screen)
    return made


@contextmanager
def read_corpus(corpus: Path, screen: Screen) -> Iterator[Iterable[Passage]]:
    """Yield the passages of a corpus, with a progress bar. Skipped rows are reported at the end. Raises Stop."""
    from ..retrieval.corpus import CorpusReader

    with index_errors():
        with _progress(corpus, screen) as show:
            reader = CorpusReader(corpus, show)
            yield reader
        _tell_skipped(corpus, reader.report(), screen)


def _tell_skipped(corpus: Path, report: CorpusReport, screen: Screen) -> None:
    if report.complete:
        return
    rows = f"{report.skipped_count} row" + ("s" if report.skipped_count != 1 else "")
    screen.say(("warning: ", "warn"), f"{corpus}: {rows} without a passage skipped, {report.indexed} indexed")
    for problem in report.skipped[:_PROBLEMS_SHOWN]:
        screen.say(f"  {problem.place}: {problem.reason}")
    if report.skipped_count > _PROBLEMS_SHOWN:
        screen.say(f"  and {report.skipped_count - _PROBLEMS_SHOWN} more")


@contextmanager
def _progress(corpus: Path, screen: Screen) -> Iterator[Callable[[int, int], None]]:
    """Yield a function that shows the progress, given the bytes done and the bytes of all: a bar, or one line."""
    if screen.terminal and not screen.quiet:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

        console = Console(file=screen.stream, no_color=not screen.color, markup=False)
        bar = Progress(
            TextColumn("indexing", markup=False),
            BarColumn(),
            DownloadColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        task = bar.add_task("indexing", total=None)
        begun = False

        def advance(done: int, total: int) -> None:
            nonlocal begun
            if not begun:
                begun = True
                bar.start()
            bar.update(task, completed=done, total=total)

        try:
            yield advance
        finally:
            if begun:
                bar.stop()
        return
    told = False

    def tell(done: int, total: int) -> None:
        nonlocal told
        if not told and done < total:
            told = True
            screen.line(("indexing ", "dim"), f"{corpus} ({total / 1e6:.1f} MB)")

    yield tell


def _answerer(sources: Sources, screen: Screen, stack: ExitStack) -> Tool:
    from ..runtime.tools import tool

    if not sources.llm_base_url:
        from ..reader import EmbeddedReader

        return tool(EmbeddedReader().answer, "answer", idempotent=True)
    from ..agents.answerer import answer_tool

    seconds = sources.call_timeout
    # The client stops a little before the engine would, because its message says why; the engine knows the time only.
    patience = {} if seconds is None else {"timeout": seconds, "deadline": 0.9 * seconds}
    model = chat_model(sources.model or "", sources.llm_base_url, sources.api_key_env, "answer", screen, patience)
    return answer_tool(stack.enter_context(model))
