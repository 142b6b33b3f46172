"""SageMaker's records: frames read by the SDK's own reader, messages by protobuf's."""

from __future__ import annotations

import io
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format

from tests.runtime.sparse_rows import Made

# `record.proto` of https://docs.aws.amazon.com/sagemaker/latest/dg/cdf-training.html without the
# fields that no sparse record has; compared with the compiled one in the SageMaker SDK 2.257.
SCHEMA = """
name: "record.proto" package: "aialgs.data" syntax: "proto2"
message_type {
  name: "Float32Tensor"
  field {name: "values" number: 1 label: LABEL_REPEATED type: TYPE_FLOAT options {packed: true}}
  field {name: "keys" number: 2 label: LABEL_REPEATED type: TYPE_UINT64 options {packed: true}}
  field {name: "shape" number: 3 label: LABEL_REPEATED type: TYPE_UINT64 options {packed: true}}
}
message_type {
  name: "Value"
  oneof_decl {name: "value"}
  field {
    name: "float32_tensor" number: 2 label: LABEL_OPTIONAL type: TYPE_MESSAGE oneof_index: 0
    type_name: ".aialgs.data.Float32Tensor"
  }
}
message_type {
  name: "Record"
  field {
    name: "features" number: 1 label: LABEL_REPEATED type: TYPE_MESSAGE
    type_name: ".aialgs.data.Record.FeaturesEntry"
  }
  field {
    name: "label" number: 2 label: LABEL_REPEATED type: TYPE_MESSAGE
    type_name: ".aialgs.data.Record.LabelEntry"
  }
  field {name: "uid" number: 3 label: LABEL_OPTIONAL type: TYPE_STRING}
  nested_type {
    name: "FeaturesEntry" options {map_entry: true}
    field {name: "key" number: 1 label: LABEL_OPTIONAL type: TYPE_STRING}
    field {
      name: "value" number: 2 label: LABEL_OPTIONAL type: TYPE_MESSAGE
      type_name: ".aialgs.data.Value"
    }
  }
  nested_type {
    name: "LabelEntry" options {map_entry: true}
    field {name: "key" number: 1 label: LABEL_OPTIONAL type: TYPE_STRING}
    field {
      name: "value" number: 2 label: LABEL_OPTIONAL type: TYPE_MESSAGE
      type_name: ".aialgs.data.Value"
    }
  }
}
"""


def _record_class() -> Any:
    pool = descriptor_pool.DescriptorPool()
    pool.Add(text_format.Parse(SCHEMA, descriptor_pb2.FileDescriptorProto()))
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("aialgs.data.Record"))


def _sdk() -> ModuleType:
    """The SDK's module without the package around it, which takes seconds to import."""
    package = find_spec("sagemaker")
    assert package
    assert package.submodule_search_locations
    path = Path(package.submodule_search_locations[0], "core/serializers/utils.py")
    spec = spec_from_file_location("serializers_utils", path)
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


Record = _record_class()
SDK = _sdk()


def payloads(part: bytes) -> list[bytes]:
    """The records' messages; the SDK stops in silence where a record is cut short."""
    found = list(SDK.read_recordio(io.BytesIO(part)))
    assert sum(8 + -(-len(payload) // 4) * 4 for payload in found) == len(part)
    return found


def expected(made: Made) -> list[bytes]:
    """What protobuf makes of these rows when each is filled in as the SDK 2 did it."""
    matrix = made.matrix
    return [_expected(made, row, matrix[row]) for row in range(matrix.shape[0])]


def _expected(made: Made, row: int, entries: Any) -> bytes:
    record = Record()
    tensor = record.features["values"].float32_tensor
    with np.errstate(over="ignore"):
        tensor.values.extend(entries.data.astype(np.float32))
        tensor.keys.extend(entries.indices.astype(np.uint64))
        if made.labels is not None:
            label = np.float32(made.labels[row])
            record.label["values"].float32_tensor.values.append(label)
    if not tensor.keys:
        tensor.keys.append(0)
        tensor.values.append(0)
    tensor.shape.append(made.n_features)
    if made.ids is not None:
        record.uid = made.ids[row]
    return bytes(record.SerializeToString(deterministic=True))
