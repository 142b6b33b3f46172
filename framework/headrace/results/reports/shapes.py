"""Types of the keys in the JSON files of a result, as far as somebody looks at them.

docs/files.md describes the files. A key that is not there is a matter of who needs it.
"""

from __future__ import annotations

from typing import Annotated, Any, NotRequired

from annotated_types import Ge, Le, Len, Lt
from pydantic import FiniteFloat, Strict
from typing_extensions import TypedDict

Text = Annotated[str, Strict()]
Count = Annotated[int, Strict(), Ge(0), Lt(1 << 63)]
Width = Annotated[int, Strict(), Ge(1), Lt(1 << 31)]
Number = Annotated[FiniteFloat, Strict()]
Amount = Annotated[FiniteFloat, Strict(), Ge(0)]
Share = Annotated[FiniteFloat, Strict(), Ge(0), Le(1)]
LogOdds = Annotated[FiniteFloat, Strict(), Ge(-100), Le(100)]


class _File(TypedDict):
    file: Text
    bytes: Count
    sha256: NotRequired[Text]


class _WholeFile(TypedDict):
    file: Text
    bytes: Count
    sha256: Text


class _Part(_File):
    rows: NotRequired[Count]
    digest: NotRequired[Text]
    beside: NotRequired[list[_File]]


class _Channel(TypedDict):
    rows: Count
    digest: NotRequired[Text]
    parts: list[_Part]


class _FileOfRows(_WholeFile):
    rows: Count


class _WholePart(_FileOfRows):
    beside: NotRequired[list[_FileOfRows]]


class _WholeChannel(TypedDict):
    parts: list[_WholePart]


class _Rows(TypedDict, total=False):
    read: Count
    written: Count
    rejected: Count


class _Columns(TypedDict, total=False):
    label: Text | None
    id: Text | None
    numeric: list[Text]
    categorical: list[Text]


class _AllColumns(TypedDict):
    label: Text | None
    id: Text | None
    numeric: list[Text]
    categorical: list[Text]


class _Step(TypedDict):
    label: Text
    name: Text
    parameters: dict[Text, Any]


class _Dataset(TypedDict):
    format: Text
    label_values: NotRequired[dict[Text, Number]]


class _Output(TypedDict):
    format: Text
    columns: NotRequired[list[Text] | None]


class _Config(TypedDict, total=False):
    dataset: _Dataset
    steps: list[_Step]
    output: _Output


class _WholeConfig(TypedDict):
    dataset: _Dataset
    steps: list[_Step]
    output: _Output


class _Feature(TypedDict):
    kind: Text
    size: Count


class _Warning(TypedDict):
    text: Text


class _State(TypedDict):
    file: Text
    sha256: Text


class _Sampling(TypedDict):
    rate: Share


class Manifest(TypedDict, total=False):
    """A manifest of rows. Entrypoints of other people's images may write a part of it."""

    channels: dict[Text, _Channel]
    config: _Config
    config_sha256: Text
    rows: _Rows
    columns: _Columns
    input_columns: list[Text]
    n_features: Width | None
    output_format: Text
    output_columns: dict[Text, Text]
    feature_map: dict[Text, _Feature]
    files: list[Text]
    hosts: dict[Text, Any]
    states: dict[Text, _State]
    versions: dict[Text, Text]
    warnings: list[_Warning]


class _AllRows(TypedDict):
    read: Count
    written: Count
    rejected: Count


class WholeManifest(TypedDict):
    """The keys that a manifest of rows has in any case, if headrace has written it."""

    channels: Annotated[dict[Text, _WholeChannel], Len(1)]
    config: _WholeConfig
    config_sha256: Text
    rows: _AllRows
    columns: _AllColumns
    n_features: Width | None
    output_format: Text
    versions: dict[Text, Text]


class _Program(TypedDict, total=False):
    kind: Text
    entry: Text
    sha256: Text
    command: list[Text]


class _WholeProgram(TypedDict):
    kind: Text
    entry: Text
    sha256: Text
    command: list[Text]


class _Counted(TypedDict):
    files: Count
    bytes: Count


class _OutputFiles(_Counted):
    parts: list[_WholeFile]
    uri: NotRequired[Text]


class ProgramManifest(TypedDict):
    """A manifest of a program's outputs."""

    program: _Program
    request_sha256: NotRequired[Text]
    inputs: NotRequired[dict[Text, _Counted]]
    outputs: dict[Text, _OutputFiles]
    versions: NotRequired[dict[Text, Text]]
    warnings: NotRequired[list[_Warning]]


class WholeProgramManifest(TypedDict):
    """The keys that the manifest of a program has in any case."""

    program: _WholeProgram
    request_sha256: Text
    outputs: dict[Text, _OutputFiles]
    versions: dict[Text, Text]


class _ChannelMetrics(TypedDict):
    rows: Count
    label_mean: NotRequired[Number | None]
    labels: NotRequired[dict[Text, Count]]


class _Value(TypedDict):
    value: Text
    rows: Annotated[Count, Ge(1)]
    channels: NotRequired[dict[Text, Count]]
    label_ones: NotRequired[Count]


class _ColumnMetrics(TypedDict):
    distinct: Count
    distinct_is_exact: bool
    nulls: Count
    null_channels: NotRequired[dict[Text, Count]]
    frequent_values: NotRequired[list[_Value]]
    colliding_tokens: NotRequired[Count]


class _TimedChannel(TypedDict):
    rows: list[Count]
    label_sums: NotRequired[list[Number]]


class _Time(TypedDict):
    column: Text
    left_out: NotRequired[Text]
    points: NotRequired[list[Text | None]]
    channels: NotRequired[dict[Text, _TimedChannel]]


class Metrics(TypedDict, total=False):
    """``report/metrics.json``."""

    rows: Count
    label: Text
    channels: dict[Text, _ChannelMetrics]
    time: _Time
    columns: dict[Text, _ColumnMetrics]
    distinct_tokens: Count
    colliding_tokens: Count
    collision_rate: Share
    collisions_are_exact: bool


class Timings(TypedDict, total=False):
    """``report/timings.json``."""

    seconds: Amount
    cpu_seconds: Amount
    peak_memory_mb: Amount
    threads: Count


class _JudgedChannel(TypedDict, total=False):
    rows: Count
    base_rate: Share
    label_mean: Number
    log_loss: Amount
    log_loss_standard_error: Amount | None
    normalised_entropy: Number | None
    auc: Share | None
    mean_prediction: Number
    calibration_ratio: Number | None
    mae: Amount | None
    mse: Amount | None
    mse_standard_error: Amount | None
    rmse: Amount | None
    r2: Number | None


class _Tenth(TypedDict):
    rows: Count
    mean_prediction: Share
    base_rate: Share


class _Roc(TypedDict):
    false_positive_rates: list[Share]
    true_positive_rates: list[Share]


class _PrecisionRecall(TypedDict):
    precisions: list[Share]
    recalls: list[Share]


class _Metric(TypedDict):
    value: Number | None


class _Classification(TypedDict, total=False):
    log_loss: _Metric
    receiver_operating_characteristic_curve: _Roc
    precision_recall_curve: _PrecisionRecall


class _Regression(TypedDict, total=False):
    mse: _Metric


class _Scores(TypedDict):
    log_odds: Annotated[list[LogOdds], Len(2)]
    zeros: list[Count]
    ones: list[Count]


class _Groups(TypedDict, total=False):
    mean_label: list[Number | None]
    mean_loss: list[Number | None]


class Evaluation(TypedDict, total=False):
    """``report/evaluation.json``."""

    judged_on: Text
    channels: dict[Text, _JudgedChannel]
    calibration: dict[Text, Annotated[list[_Tenth], Len(1)]]
    scores: dict[Text, _Scores]
    groups: dict[Text, _Groups]
    binary_classification_metrics: _Classification
    regression_metrics: _Regression
