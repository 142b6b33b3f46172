"""Judge the model by customers that it has not seen."""

import csv
import json
from pathlib import Path

INPUT = Path("/opt/ml/processing/input")
REPORT = Path("/opt/ml/processing/output/evaluation/evaluation.json")


def main() -> None:
    """Read the model and the customers, write how many were right."""
    limit = json.loads((INPUT / "model/model.json").read_text())["visits"]
    with (INPUT / "test/customers.csv").open(newline="") as file:
        rows = [(int(row["visits"]), row["churned"] == "1") for row in csv.DictReader(file)]
    right = sum((visits < limit) == churned for visits, churned in rows)
    REPORT.write_text(json.dumps({"metrics": {"accuracy": right / len(rows)}}))
    print(f"{right} of {len(rows)} customers were judged right")


if __name__ == "__main__":
    main()
