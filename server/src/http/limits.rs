//! Rate limits by address, checked before anything else of a call.

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};

use super::{error::ApiError, extract::ClientAddress};
use crate::services::Services;

/// Counts every call of an address.
pub(super) async fn by_address(
    State(services): State<Services>,
    ClientAddress(address): ClientAddress,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    services.limits.call_from(address).await?;
    Ok(next.run(request).await)
}

/// Counts every socket request of an address.
pub(crate) async fn sockets_by_address(
    State(services): State<Services>,
    ClientAddress(address): ClientAddress,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    services.limits.socket_from(address).await?;
    Ok(next.run(request).await)
}
