//! A double of the Lambda Runtime API, for a function's process.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::time::{Duration, SystemTime};

use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

const NEXT: &str = "/2018-06-01/runtime/invocation/next";

/// A Lambda Runtime API that hands out events and records the function's responses.
#[derive(Debug)]
pub struct RuntimeApi {
    server: MockServer,
}

/// The function's response to an event.
#[derive(Debug)]
pub struct Answer {
    /// Whether the function posted it as an error.
    pub is_error: bool,
    /// The JSON that the function posted.
    pub body: String,
}

impl RuntimeApi {
    /// Starts it. It hands out these events one after the other, all with a deadline `time` from now, and then none.
    pub async fn start(events: &[&str], time: Duration) -> Self {
        let server = MockServer::start().await;
        let deadline = SystemTime::now() + time;
        let deadline = deadline.duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_millis();
        for (number, event) in events.iter().enumerate() {
            let answer = ResponseTemplate::new(200)
                .insert_header("lambda-runtime-aws-request-id", format!("request-{number}"))
                .insert_header("lambda-runtime-deadline-ms", deadline.to_string())
                .insert_header(
                    "lambda-runtime-invoked-function-arn",
                    "arn:aws:lambda:us-east-1:222222222222:function:rolecall",
                )
                .set_body_raw((*event).to_owned(), "application/json");
            let next = Mock::given(method("GET")).and(path(NEXT)).respond_with(answer);
            next.up_to_n_times(1).mount(&server).await;
        }
        let never = ResponseTemplate::new(200).set_delay(Duration::from_hours(1));
        Mock::given(method("GET")).and(path(NEXT)).respond_with(never).mount(&server).await;
        Mock::given(method("POST")).respond_with(ResponseTemplate::new(202)).mount(&server).await;
        Self { server }
    }

    /// The environment variables that Lambda sets for a function, with the address of this API.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_LAMBDA_RUNTIME_API", self.server.address().to_string()),
            ("AWS_LAMBDA_FUNCTION_NAME", "rolecall".to_owned()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128".to_owned()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ]
    }

    /// Waits, for at most a minute, until the function has posted responses to `count` events, and returns all so far.
    pub async fn answers(&self, count: usize) -> Vec<Answer> {
        let responses = async {
            loop {
                let requests = self.server.received_requests().await.unwrap_or_default();
                let posts = requests.iter().filter(|request| request.method.as_str() == "POST");
                let answers: Vec<Answer> = posts
                    .map(|request| Answer {
                        is_error: request.url.path().ends_with("/error"),
                        body: String::from_utf8_lossy(&request.body).into_owned(),
                    })
                    .collect();
                if answers.len() >= count {
                    return answers;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), responses)
            .await
            .expect("the function posts its responses")
    }
}
