"""What MLflow and TensorBoard are told of a study, read back by MLflow's and TensorBoard's own readers."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from followed import CHAMPION, FINISHED, RECORDS, begun, ended, evaluation

from study.cli import main, parse
from study.errors import TrackingError, UsageError
from study.orchestration.options import Options
from study.spec import Purpose
from study.store.ledger import Ledger
from study.tracking import follow
from study.tracking.address import require_usable, shown, without_secrets
from study.tracking.runs import study_id

URI = "http://study:s3cr%40t@localhost:5000"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with closing(begun(tmp_path / "r")) as opened:
        yield opened


@pytest.fixture
def sink(store: str, tmp_path: Path) -> Callable[[], Any]:
    """Returns new sinks of one database, as a study and its resumption open them."""
    from study.tracking.mlflow_runs import MlflowRuns

    return lambda: MlflowRuns(store, results_dir=tmp_path / "r", report_dir=tmp_path / "o")


def _client(store: str) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=store)


def _runs(store: str) -> tuple[Any, list[Any]]:
    """Returns the run of the study and those below it, the newest first."""
    client = _client(store)
    experiment = client.get_experiment_by_name("pretraining-study")
    found = client.search_runs([experiment.experiment_id])
    (top,) = (run for run in found if "mlflow.parentRunId" not in run.data.tags)
    below = [run for run in found if run.data.tags.get("mlflow.parentRunId") == top.info.run_id]
    assert len(below) == len(found) - 1
    return top, below


def _evaluations(runs: list[Any]) -> list[tuple[str, str]]:
    return sorted((run.data.tags["study_run_id"], run.data.tags["study_rung"]) for run in runs)


WANTED = sorted((record.spec.run_id, str(record.spec.rung)) for record in FINISHED)


def test_a_study_is_logged_as_it_comes_and_nothing_twice(
    ledger: Ledger, sink: Callable[[], Any], store: str, tmp_path: Path
) -> None:
    first = sink()
    first.update(ledger, ended=False)
    first.update(ledger, ended=False)
    top, below = _runs(store)
    assert _evaluations(below) == WANTED and first.added == len(WANTED)
    assert top.info.status == "RUNNING" and {run.info.status for run in below} == {"FINISHED"}
    assert top.data.params["models"] == "googlenet" and top.data.params["python"] == "3.11.2"
    resumed = sink()
    ledger.commit(evaluation(8_000))
    ended(ledger, tmp_path / "o")
    resumed.update(ledger, ended=True)
    again = sink()
    again.update(ledger, ended=True)
    top, below = _runs(store)
    assert (resumed.added, again.added) == (1, 0) and len(below) == len(WANTED) + 1
    assert top.info.status == "FINISHED" and top.data.metrics["used_seconds"] == 61.5
    files = sorted(file.path for file in _client(store).list_artifacts(top.info.run_id))
    assert files == ["report.pdf", "results.csv"]
    assert not (tmp_path / "mlruns").exists() and not Path("mlruns").exists()


def test_an_evaluation_has_its_parameters_metrics_and_curve(
    ledger: Ledger, sink: Callable[[], Any], store: str
) -> None:
    sink().update(ledger, ended=False)
    runs = {(run.data.tags["purpose"], run.data.tags["study_rung"]): run for run in _runs(store)[1]}
    final = runs["final", "4000"]
    assert final.info.run_name == RECORDS[3].spec.name
    wanted = {"model": "googlenet", "init": "pretrained", "scope": "frozen", "seed": "1", "rung": "4000"}
    assert wanted.items() <= final.data.params.items() and final.data.params["lr"] == "0.01"
    measured = final.data.metrics
    assert measured["test_accuracy"] == pytest.approx(0.44) and measured["macro_f1"] == 0.35
    assert measured["train_seconds"] == 12.5 and measured["test_loss"] == 1.5
    assert final.info.end_time - final.info.start_time == pytest.approx(20_000, abs=1)
    curve = _client(store).get_metric_history(final.info.run_id, "curve/val_accuracy")
    assert [(point.step, round(point.value, 6)) for point in curve] == [(2_000, 0.204), (4_000, 0.404)]
    losses = _client(store).get_metric_history(final.info.run_id, "curve/val_loss")
    assert [point.step for point in losses] == [4_000], "an infinite loss is left out"
    assert "test_accuracy" not in runs["trial", "2000"].data.metrics, "a trial is never tested"


def test_the_newest_champion_alone_has_the_network(
    ledger: Ledger, sink: Callable[[], Any], store: str, tmp_path: Path
) -> None:
    ledger.commit(evaluation(12_345, Purpose.CHAMPION, checkpoint="champion.pth"))
    sink().update(ledger, ended=False)
    champions = {run.data.tags["study_rung"]: run.info for run in _runs(store)[1] if _champion(run)}
    assert sorted(champions) == ["12345", "9999"]
    assert not _client(store).list_artifacts(champions["9999"].run_id)
    kept = _client(store).download_artifacts(champions["12345"].run_id, "champion.pth", str(tmp_path))
    assert Path(kept).read_bytes() == CHAMPION
    assert "mlflow-artifacts" in champions["12345"].artifact_uri


def _champion(run: Any) -> bool:
    return bool(run.data.tags["purpose"] == "champion")


def test_a_run_that_was_cut_off_is_completed(ledger: Ledger, sink: Callable[[], Any], store: str) -> None:
    sink().update(ledger, ended=False)
    below = _runs(store)[1]
    client = _client(store)
    client.update_run(below[0].info.run_id, status="RUNNING")  # as one whose end was never logged
    client.delete_run(below[1].info.run_id)
    after = sink()
    after.update(ledger, ended=False)
    assert after.added == 2
    assert _evaluations(_runs(store)[1]) == WANTED
    assert {run.info.status for run in _runs(store)[1]} == {"FINISHED"}
    points = client.get_metric_history(below[0].info.run_id, "val_accuracy")
    assert len(points) == 1, "the same value again is not a second point"


def test_two_studies_in_one_database_stay_apart(
    ledger: Ledger, sink: Callable[[], Any], store: str, tmp_path: Path
) -> None:
    from study.tracking.mlflow_runs import MlflowRuns

    sink().update(ledger, ended=False)
    other = begun(tmp_path / "other")
    other.set_fact("environment", {"preregistration": "cd" * 32, "started": "2026-12-01T10:00:00"})
    ended(ledger, tmp_path / "o")
    second = MlflowRuns(store, results_dir=tmp_path / "other", report_dir=tmp_path / "o")
    second.update(other, ended=True)
    name = study_id(other)
    other.close()
    assert second.added == len(WANTED)
    client = _client(store)
    experiment = client.get_experiment_by_name("pretraining-study").experiment_id
    found = client.search_runs([experiment], filter_string=f"tags.study_id = '{name}'")
    (top,) = (run for run in found if "mlflow.parentRunId" not in run.data.tags)
    assert len(found) == len(WANTED) + 1
    assert not client.list_artifacts(top.info.run_id), "the report there is that of the first study"


@pytest.mark.parametrize("kind", ["dead", "slow"])
def test_a_server_that_does_not_answer_is_told_without_its_password(
    kind: str, ledger: Ledger, slow_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from study.tracking.mlflow_runs import MlflowRuns

    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    place = "127.0.0.1:9" if kind == "dead" else slow_server.removeprefix("http://").rstrip("/")
    uri = f"http://study:s3cr%40t@{place}"
    sink = MlflowRuns(uri, results_dir=tmp_path / "r", report_dir=tmp_path / "o")
    with pytest.raises(TrackingError) as failure:
        sink.update(ledger, ended=False)
    told = str(failure.value)
    assert told.startswith(f"MLflow at http://{place}: ") and "\n" not in told
    assert "s3cr" not in told and sink.place == f"http://{place}"


def test_messages_hold_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "t0ken")
    told = without_secrets(f"{URI}/api: user study, s3cr@t or s3cr%40t, Bearer t0ken", URI)
    assert not any(secret in told for secret in ("s3cr", "t0ken")) and "localhost:5000" in told
    assert without_secrets("no: gh-token", "https://gh-token@host") == "no: ***"
    assert shown(URI) == "http://localhost:5000" and shown("sqlite:///a@b.db") == "sqlite:///a@b.db"
    options = Options(results_dir=Path("r"), report_dir=Path("o"), mlflow=URI)
    assert "s3cr" not in repr(options)


@pytest.mark.parametrize(
    "uri",
    [
        "mlruns",
        "file:///mlruns",
        "postgresql://u:s3cret@host/db",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///a.db?s3cret=1",
        "http://",
        "http://u:s3cret@host:port",
        "http://u:s3cret@host/?token=s3cret",
        "http://[s3cret",
        "https://ho st",
        "auto",
    ],
)
def test_an_address_that_cannot_be_used_is_refused_without_being_repeated(
    uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(UsageError) as failure:
        parse(["--mlflow", uri])
    assert "--mlflow" in str(failure.value) and "s3cret" not in str(failure.value)


def test_an_address_may_come_from_mlflows_own_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", URI)
    assert parse(["--mlflow", "auto"]).mlflow == URI
    assert parse([]).mlflow is None, "without the flag nothing is tracked"


def test_mlflow_does_not_write_into_another_database(tmp_path: Path) -> None:
    with closing(begun(tmp_path / "r")):
        for name in ("ledger.sqlite", "optuna.db"):
            with pytest.raises(UsageError, match="the study itself needs"):
                require_usable(f"sqlite:///{tmp_path}/r/../r/{name}", tmp_path / "r")
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as db:
        db.execute("CREATE TABLE songs (name TEXT)")
    (tmp_path / "text.db").write_text("a text, and a long one at that " * 40)
    for file, why in (
        (other, "another program"),
        (tmp_path / "text.db", "no database"),
        (tmp_path, "folder"),
    ):
        with pytest.raises(UsageError, match=why):
            require_usable(f"sqlite:///{file}", tmp_path / "r")
    require_usable(f"sqlite:///{tmp_path}/new/mlflow.db", tmp_path / "r")
    assert not (tmp_path / "new").exists()


def test_the_verb_tells_what_it_added_and_what_it_refuses(
    ledger: Ledger, store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ended(ledger, tmp_path / "o")
    folders = ["--results-dir", str(tmp_path / "r"), "--report-dir", str(tmp_path / "o")]
    assert main(["track", *folders, "--mlflow", store, "--tensorboard", str(tmp_path / "t")]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told == [
        f"MLflow: {len(WANTED)} evaluations added to {store}",
        f"TensorBoard: {len(WANTED)} evaluations added to {tmp_path / 't'}",
    ]
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / "t").rglob("*")}
    assert main(["track", *folders, "--tensorboard", str(tmp_path / "t")]) == 0
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "t").rglob("*")} == before
    capsys.readouterr()
    for arguments, why in (
        (["--results-dir", str(tmp_path / "none"), "--mlflow", store], "holds no study"),
        (folders, "needs --mlflow"),
    ):
        assert main(["track", *arguments]) == 2
        told = capsys.readouterr().err.splitlines()
        assert len(told) == 1 and why in told[0]


def _scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Returns the curves of a run as TensorBoard shows them."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    reader = EventAccumulator(str(folder))
    reader.Reload()
    return {
        tag: [(event.step, round(event.value, 4)) for event in reader.Scalars(tag)]
        for tag in reader.Tags()["scalars"]
    }


def test_tensorboard_shows_the_curve_of_the_highest_rung_and_every_judgement(
    ledger: Ledger, tmp_path: Path
) -> None:
    from study.tracking.event_files import EventFiles

    EventFiles(tmp_path / "t").update(ledger, ended=False)
    (study,) = (tmp_path / "t").iterdir()
    runs = {path.parent.relative_to(study) for path in study.rglob("*tfevents*")}
    purposes = Counter(record.spec.purpose for record in FINISHED)
    assert len(runs) == len({record.spec.run_id for record in FINISHED}) and purposes[Purpose.FINAL] == 2
    found = _scalars(study / "final" / RECORDS[0].spec.run_id)
    assert found["validation/accuracy"] == [(2_000, 0.204), (4_000, 0.404)]
    assert found["train/loss"] == [(1_000, 2.004), (2_000, 1.004), (4_000, 0.504)]
    assert found["test/accuracy"] == [(2_000, 0.42), (4_000, 0.44)], "at both rungs"
    assert not [path for path in study.rglob("*") if path.is_file() and "tfevents" not in path.name]


def test_event_files_that_cannot_be_written_are_told_and_made_later(ledger: Ledger, tmp_path: Path) -> None:
    from study.tracking.event_files import EventFiles

    sink, obstacle = EventFiles(tmp_path / "t"), tmp_path / "t" / f"study-{study_id(ledger)}"
    obstacle.parent.mkdir()
    obstacle.write_text("a file where a folder should be")
    with pytest.raises(TrackingError, match="TensorBoard: cannot write"):
        sink.update(ledger, ended=False)
    obstacle.unlink()
    sink.update(ledger, ended=False)
    assert sink.added == len(WANTED)


def test_a_lasting_failure_is_told_once_and_so_is_its_end(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from study.tracking.event_files import EventFiles

    monkeypatch.setattr(follow, "RETRY", 0.0)
    obstacle = tmp_path / "t" / f"study-{study_id(ledger)}"
    obstacle.parent.mkdir()
    obstacle.write_text("a file where a folder should be")
    looks, said = list[float](), list[str]()

    def wait(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 3:
            obstacle.unlink()

    sink = EventFiles(tmp_path / "t")
    assert not follow.follow(
        tmp_path / "r", [sink], going=lambda: len(looks) < 4, wait=wait, say=said.append
    )
    assert len(said) == 2 and said[0].startswith("TensorBoard: cannot write"), said
    assert said[1] == "TensorBoard answers again" and sink.added == len(WANTED)
