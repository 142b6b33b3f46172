"""Join orders with customers on Spark: what each customer has spent, by city."""

import argparse

from pyspark.sql import SparkSession
from pyspark.sql import functions as f

INPUT = "file:///opt/ml/processing/input"
OUTPUT = "file:///opt/ml/processing/output"
ORDERS = "order STRING, customer STRING, amount INT"
CUSTOMERS = "customer STRING, age INT, city STRING, plan STRING, visits INT, churned INT"


def main() -> None:
    """Read both inputs, join them and write CSV."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--least", type=float, default=0.0, help="leave smaller orders out")
    arguments = parser.parse_args()

    spark = SparkSession.builder.appName("join").getOrCreate()
    orders = spark.read.csv(f"{INPUT}/orders", ORDERS, header=True)
    customers = spark.read.csv(f"{INPUT}/customers", CUSTOMERS, header=True)
    spent = (
        orders.where(f.col("amount") >= arguments.least)
        .groupBy("customer")
        .agg(f.count("*").alias("orders"), f.sum("amount").alias("spent"))
    )
    joined = (
        customers.join(spent, "customer", "left")
        .fillna(0, ["orders", "spent"])
        .select("churned", "customer", "city", "orders", "spent")
        .coalesce(1)
        .sortWithinPartitions("customer")
    )
    joined.write.mode("append").csv(f"{OUTPUT}/joined", header=True)
    spark.stop()


if __name__ == "__main__":
    main()
