//! HTTP without a network: each request has a connection in memory to the server. With tokio's clock paused, time passes only
//! when everything waits, so that an hour of timeouts takes milliseconds.

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use crate::server::Server;

/// The client of a run.
#[derive(Debug, Clone)]
pub(crate) struct Wire(pub(crate) Server);

impl HttpClient for Wire {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(exchange(self.0.clone(), request))
    }
}

async fn exchange(server: Server, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
    let mut request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
    // The SDK's own client adds it, and sends only the path.
    request.headers_mut().entry("host").or_insert(http::HeaderValue::from_static("aws.test"));
    let (near, far) = tokio::io::duplex(64 * 1024);
    tokio::spawn(server.serve(far));
    let io = |error: hyper::Error| ConnectorError::io(error.into());
    let (mut sender, connection) = http1::handshake(TokioIo::new(near)).await.map_err(io)?;
    tokio::spawn(connection);
    let response = sender.send_request(request).await.map_err(io)?;
    let response = response.map(SdkBody::from_body_1_x);
    HttpResponse::try_from(response).map_err(|error| ConnectorError::other(error.into(), None))
}
