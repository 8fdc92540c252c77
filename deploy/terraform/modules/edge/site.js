// Every page of the site is index.html; files have a dot in their last part. Done here and not by CloudFront's error
// pages, because those would also stand in for the API's own answers of 403 and 404.
function handler(event) {
  var request = event.request;
  if (!request.uri.split('/').pop().includes('.')) {
    request.uri = '/index.html';
  }
  return request;
}
