"""The models of ``inputs`` and ``outputs``: what is in the container, and what leaves it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from annotated_types import Len
from pydantic import BeforeValidator, Field

from headrace.config.model import Location, Model, RoleArn, Text
from headrace.config.problems import got

Query = Annotated[str, Len(1, 4096)]
S3Uri = Annotated[str, Field(pattern=r"^s3://[^/]+(/.*)?$")]


class AthenaConfig(Model):
    """A query of Athena, whose result becomes an input."""

    catalog: Annotated[str, Len(1, 256)] = Field(description="the data catalog")
    database: Annotated[str, Len(1, 255)] = Field(description="the database")
    query_string: Query = Field(description="the SQL")
    work_group: Annotated[str, Field(pattern=r"^[a-zA-Z0-9._-]{1,128}$")] | None = Field(
        None, description="the work group"
    )
    output_s3_uri: S3Uri = Field(description="where on S3 the result is put")
    kms_key_id: Text | None = Field(None, description="KMS key for the result")
    output_format: Literal["PARQUET", "ORC", "AVRO", "JSON", "TEXTFILE"] = Field(
        description="file format of the result"
    )
    output_compression: Literal["GZIP", "SNAPPY", "ZLIB"] | None = Field(
        None, description="compression of the result"
    )


class RedshiftConfig(Model):
    """A query of Redshift, whose result becomes an input."""

    cluster_id: Annotated[str, Len(1, 63)] = Field(description="the cluster")
    database: Annotated[str, Len(1, 64)] = Field(description="the database")
    db_user: Annotated[str, Len(1, 128)] = Field(description="the user of the database")
    query_string: Query = Field(description="the SQL")
    cluster_role_arn: RoleArn = Field(description="role of the cluster, which writes the result")
    output_s3_uri: S3Uri = Field(description="where on S3 the result is put")
    kms_key_id: Text | None = Field(None, description="KMS key for the result")
    output_format: Literal["PARQUET", "CSV"] = Field(description="file format of the result")
    output_compression: Literal["None", "GZIP", "BZIP2", "ZSTD", "SNAPPY"] | None = Field(
        None, description="compression of the result"
    )


class InputSettings(Model):
    """Something that is in the container before the program starts."""

    path: Location | None = Field(None, description="a file, a folder or s3://…")
    at: Text | None = Field(
        None, description="folder in the container; default: /opt/ml/processing/input/<name>"
    )
    sharded: bool | None = Field(
        False, description="each instance gets its share of the files; null: not in the request"
    )
    mode: Literal["File", "Pipe"] | None = Field(
        "File", description="Pipe: a stream, on SageMaker only; null: not in the request"
    )
    compression: Literal["None", "Gzip"] | None = Field(
        "None",
        description="Gzip: SageMaker unpacks it, in Pipe mode only; null: not in the request",
    )
    data_type: Literal["S3Prefix", "ManifestFile"] = Field(
        "S3Prefix", description="ManifestFile: path names a manifest, which lists the objects"
    )
    app_managed: bool | None = Field(
        False, description="the program itself fetches the input; null: not in the request"
    )
    athena: AthenaConfig | None = Field(None, description="a query of Athena instead of path")
    redshift: RedshiftConfig | None = Field(None, description="a query of Redshift instead of path")

    @property
    def query(self) -> AthenaConfig | RedshiftConfig | None:
        """Return the query that makes the input, if one does."""
        return self.athena or self.redshift

    @property
    def definition(self) -> dict[str, Any]:
        """Return the query as ``CreateProcessingJob`` has it; nothing without one."""
        named = {"AthenaDatasetDefinition": self.athena, "RedshiftDatasetDefinition": self.redshift}
        return {
            name: {
                field_of(key): value for key, value in query.model_dump(exclude_none=True).items()
            }
            for name, query in named.items()
            if query is not None
        }


class OutputSettings(Model):
    """A folder of the container that is delivered."""

    at: Text | None = Field(
        None, description="folder in the container; default: /opt/ml/processing/output/<name>"
    )
    path: Text | None = Field(
        None, description="where it goes, as s3://…; default: <output.path>/<name>"
    )
    upload: Literal["EndOfJob", "Continuous"] = Field(
        "EndOfJob", description="Continuous: files are delivered while the program runs"
    )
    app_managed: bool | None = Field(
        False, description="the program itself delivers the output; null: not in the request"
    )
    feature_group: (
        Annotated[str, Field(pattern=r"^[a-zA-Z0-9]([_-]*[a-zA-Z0-9]){0,63}$")] | None
    ) = Field(None, description="feature group of the Feature Store that gets the output")


def field_of(key: str) -> str:
    """Return the service's name of a key, as in ``OutputS3Uri``."""
    return "".join(word.capitalize() for word in key.split("_"))


def _input(given: Any) -> Any:
    return {"path": given} if isinstance(given, str) else given


def _inputs(given: Any) -> Any:
    if isinstance(given, str | list | tuple):
        raise ValueError(f"each input has a name, as in inputs.customers=PATH (got {got(given)})")
    return given


def _output(given: Any) -> Any:
    return {} if given is None else given


def _outputs(given: Any) -> Any:
    """Return outputs that are given as a list of names as the mapping that it stands for."""
    if not isinstance(given, str | list | tuple):
        return given
    if isinstance(given, str) or not all(isinstance(name, str) for name in given):
        raise ValueError(f"should be a list of names, as in outputs=[train] (got {got(given)})")
    if len(set(given)) < len(given):
        raise ValueError(f"should name each output once (got {got(given)})")
    return {name: {} for name in given}


Inputs = Annotated[
    dict[
        str,
        Annotated[
            InputSettings, BeforeValidator(_input, json_schema_input_type=InputSettings | str)
        ],
    ],
    BeforeValidator(_inputs, json_schema_input_type=dict[str, InputSettings | str]),
]
Outputs = Annotated[
    dict[
        str,
        Annotated[
            OutputSettings,
            BeforeValidator(_output, json_schema_input_type=OutputSettings | None),
        ],
    ],
    BeforeValidator(_outputs, json_schema_input_type=dict[str, OutputSettings | None] | list[str]),
]
