"""Delivery streams in moto, someone else's Firehose: made with boto3, and what arrived read back from their S3 objects.

    python moto_streams.py create ENDPOINT STREAM...
    python moto_streams.py arrived ENDPOINT            prints {"STREAM": ["messageId", ...], ...}
    python moto_streams.py records ENDPOINT            prints {"stream": ..., "data": ...} a line, an object of S3 each
"""

import json
import sys

import boto3

BUCKET = "delivered"
command, endpoint, *names = sys.argv[1:]
session = boto3.Session(aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key="none", region_name="eu-west-1")
firehose = session.client("firehose", endpoint_url=endpoint)
s3 = session.client("s3", endpoint_url=endpoint)


def objects():
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
        for item in page.get("Contents", []):
            body = s3.get_object(Bucket=BUCKET, Key=item["Key"])["Body"].read()
            yield item["Key"].split("/", 1)[0], body


if command == "create":
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    for name in names:
        firehose.create_delivery_stream(
            DeliveryStreamName=name,
            ExtendedS3DestinationConfiguration={
                "RoleARN": "arn:aws:iam::123456789012:role/firehose",
                "BucketARN": f"arn:aws:s3:::{BUCKET}",
                "Prefix": f"{name}/",
            },
        )
elif command == "arrived":
    arrived = {}
    for stream, body in objects():
        for line in body.splitlines():
            arrived.setdefault(stream, []).append(json.loads(line)["messageId"])
    print(json.dumps(arrived))
elif command == "records":
    for stream, body in objects():
        print(json.dumps({"stream": stream, "data": body.decode()}))
else:
    sys.exit(__doc__)
