"""The floor: pyarrow parses the file, every cell as text, and that is all.

python benchmarks/floor.py avazu_1m.csv
"""

import sys

import pyarrow as pa
from pyarrow import csv

with csv.open_csv(sys.argv[1]) as reader:
    names = reader.schema.names
as_text = csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()))
print(csv.read_csv(sys.argv[1], convert_options=as_text).num_rows)
