"""Lambda and serverless inference as users see them: the client library, plain boto3, the AWS CLI."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from deployed import SENTENCES, Deployment
from PIL import Image

import serving_clients
from object_detection.photos import photo
from serving_clients import InvalidRequest, Session

pytestmark = pytest.mark.timeout(180)

DETECTION = "serving-local-object-detection"
SENTIMENT = "serving-local-sentiment-function"
SERVERLESS = "serving-local-sentiment-serverless"


@pytest.fixture(scope="module")
def session(deployment: Deployment) -> Iterator[Session]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in deployment.environment.items():
            patch.setenv(name, value)
        with serving_clients.connect("local") as session:
            yield session


@pytest.mark.parametrize(
    ("name", "label"),
    [("cat", "cat"), ("person", "person"), ("motorcycle", "motorbike"), ("cup", "cup")],
)
def test_the_evident_object_of_a_photo_is_found_in_its_own_pixels(
    session: Session, name: str, label: str
) -> None:
    file = photo(name)
    width, height = Image.open(io.BytesIO(file)).size
    answer = session.detect(file, score_threshold=0.35)
    assert (answer.width, answer.height) == (width, height)
    assert label in {found.label for found in answer.objects}, answer.objects
    for found in answer.objects:
        xmin, ymin, xmax, ymax = found.box
        assert 0 <= xmin < xmax <= width
        assert 0 <= ymin < ymax <= height


def test_an_annotated_photo_comes_back_when_asked_for(session: Session) -> None:
    file = photo("cat")
    answer = session.detect(file, score_threshold=0.35, annotated=True)
    assert answer.picture is not None
    drawn = Image.open(io.BytesIO(answer.picture))
    assert drawn.format == "JPEG"
    assert drawn.size == (answer.width, answer.height)
    assert session.detect(file, score_threshold=0.35).picture is None


def test_several_photos_are_answered_in_order(session: Session) -> None:
    answers = session.detect([photo("cat"), photo("cup"), photo("cat")], score_threshold=0.35)
    labels = [{found.label for found in answer.objects} for answer in answers]
    assert labels[0] == labels[2]
    assert "cat" in labels[0]
    assert "cup" in labels[1]


def test_a_file_that_is_no_picture_is_refused(session: Session) -> None:
    with pytest.raises(InvalidRequest):
        session.detect(b"this is not a picture")


@pytest.mark.parametrize("endpoint", ["korean-nlp", "sentiment-serverless", "sentiment-function"])
def test_sentiment_is_the_same_on_every_pattern(session: Session, endpoint: str) -> None:
    answers = session.sentiment(list(SENTENCES), endpoint=endpoint)
    assert [answer.predicted_label for answer in answers] == ["Pos", "Neg"]
    usual = session.sentiment(SENTENCES[0])
    assert session.sentiment(SENTENCES[0], endpoint=endpoint).score == pytest.approx(usual.score, abs=1e-4)


def test_similarity_is_served_without_a_server(session: Session) -> None:
    near = session.similarity(
        "한 남자가 기타를 치고 있다.", "남자가 기타를 연주한다.", endpoint="similarity-serverless"
    )
    far = session.similarity(
        "한 남자가 기타를 치고 있다.", "주가가 내렸다.", endpoint="similarity-serverless"
    )
    assert far.score < 2 < near.score


def test_a_bulk_call_keeps_to_the_concurrency_of_a_serverless_endpoint(session: Session) -> None:
    texts = [SENTENCES[number % 2] for number in range(600)]
    answers = session.sentiment(texts, endpoint="sentiment-serverless")
    assert [answer.predicted_label for answer in answers] == ["Pos", "Neg"] * 300


def test_plain_boto3_invokes_a_serverless_endpoint(deployment: Deployment) -> None:
    response = deployment.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=SERVERLESS, ContentType="application/json", Body=json.dumps({"text": SENTENCES[1]})
    )
    assert json.load(response["Body"])["predicted_label"] == "Neg"
    described = deployment.client("sagemaker").describe_endpoint(EndpointName=SERVERLESS)
    (variant,) = described["ProductionVariants"]
    assert variant["CurrentServerlessConfig"]["MaxConcurrency"] >= 1
    assert variant.get("CurrentInstanceCount", 0) == 0


def test_the_labs_event_gets_an_annotated_jpeg(deployment: Deployment) -> None:
    event = {"body": json.dumps({"image": base64.b64encode(photo("cat")).decode()})}
    answer = deployment.client("lambda").invoke(
        FunctionName=DETECTION, Qualifier="live", Payload=json.dumps(event).encode()
    )
    payload: Any = json.load(answer["Payload"])
    assert payload["statusCode"] == 200
    assert Image.open(io.BytesIO(base64.b64decode(payload["body"]))).format == "JPEG"


def aws(deployment: Deployment, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "awscli", *arguments],
        env=dict(deployment.environment),
        text=True,
        capture_output=True,
        timeout=60,
    )


def test_the_aws_cli_invokes_a_function_in_every_way(deployment: Deployment, tmp_path: Path) -> None:
    event, answer = tmp_path / "event.json", tmp_path / "answer.json"
    event.write_text(json.dumps({"text": SENTENCES[1]}, ensure_ascii=False))

    def invoke(*options: str) -> dict[str, Any]:
        called = aws(
            deployment, "lambda", "invoke", "--function-name", SENTIMENT, "--payload", f"fileb://{event}",
            *options, str(answer),
        )  # fmt: skip
        assert called.returncode == 0, called.stderr
        return dict(json.loads(called.stdout))

    live = deployment.client("lambda").get_alias(FunctionName=SENTIMENT, Name="live")["FunctionVersion"]
    answered = invoke("--qualifier", "live")
    assert (answered["StatusCode"], answered["ExecutedVersion"]) == (200, live)
    assert json.loads(answer.read_text())["predicted_label"] == "Neg"
    assert invoke("--qualifier", live)["ExecutedVersion"] == live
    assert invoke("--qualifier", "live", "--invocation-type", "Event")["StatusCode"] == 202
    assert invoke("--qualifier", "live", "--invocation-type", "DryRun")["StatusCode"] == 204
    missing = aws(
        deployment, "lambda", "invoke", "--function-name", SENTIMENT, "--qualifier", "nobody", str(answer)
    )
    assert missing.returncode != 0
    assert "ResourceNotFoundException" in missing.stderr


def test_a_function_url_wants_a_signature(deployment: Deployment) -> None:
    url = (
        deployment.client("lambda").get_function_url_config(FunctionName=DETECTION, Qualifier="live")[
            "FunctionUrl"
        ]
        + "?score_threshold=0.35"
    )
    headers = {"Content-Type": "image/png", "Accept": "application/json"}
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(urllib.request.Request(url, photo("cat"), headers), timeout=30)
    assert caught.value.code == 403
    request = AWSRequest("POST", url, headers=headers, data=photo("cat"))
    SigV4Auth(Credentials("local", "local"), "lambda", "ap-northeast-2").add_auth(request)
    signed = urllib.request.Request(url, photo("cat"), dict(request.headers.items()))
    with urllib.request.urlopen(signed, timeout=30) as response:
        assert response.headers["Content-Type"] == "application/json"
        answer = json.load(response)
    assert "cat" in {found["label"] for found in answer["objects"]}
