"""An S3-compatible server for tests: `.venv-s3/bin/python tests/s3_server.py`.

Prints one line of JSON, `{"endpoint", "bucket", "access_key_id", "secret_access_key"}`, and serves until its standard
input ends.  It checks the signature of every request, as a real store does.
"""

import json
import logging
import os
import sys

import boto3
from moto import settings
from moto.core.authorization import ActionAuthenticatorMixin
from moto.moto_server.threaded_moto_server import ThreadedMotoServer

BUCKET = "cell"
ALL_OF_S3 = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}


def main() -> None:
    """Serve."""
    logging.disable(logging.INFO)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    endpoint = "http://{}:{}".format(*server.get_host_and_port())
    # Until authentication begins below, any credentials will do.
    asking = {"endpoint_url": endpoint, "region_name": "us-east-1"}
    asking |= {"aws_access_key_id": "any", "aws_secret_access_key": "any"}
    boto3.client("s3", **asking).create_bucket(Bucket=BUCKET)
    iam = boto3.client("iam", **asking)
    iam.create_user(UserName="cell")
    iam.put_user_policy(UserName="cell", PolicyName="s3", PolicyDocument=json.dumps(ALL_OF_S3))
    key = iam.create_access_key(UserName="cell")["AccessKey"]
    settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
    ActionAuthenticatorMixin.request_count = 0
    facts = {"endpoint": endpoint, "bucket": BUCKET}
    facts |= {"access_key_id": key["AccessKeyId"], "secret_access_key": key["SecretAccessKey"]}
    print(json.dumps(facts), flush=True)
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
