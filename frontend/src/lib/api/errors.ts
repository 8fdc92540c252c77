/** An error answer of the server, or of something on the way to it. */
export class ApiError extends Error {
  override readonly name = 'ApiError';

  constructor(
    /** The HTTP status; 0 without an answer. */
    readonly status: number,
    readonly code: string,
    message: string,
    /** The problems by field (422). */
    readonly fields: Record<string, string> = {},
    /** Seconds to wait before a retry (429, 503). */
    readonly retryAfter: number | null = null,
  ) {
    super(message);
  }
}

interface WireError {
  error: { code: string; message: string; fields?: Record<string, unknown> | null };
}

function isWireError(body: unknown): body is WireError {
  if (typeof body !== 'object' || body === null || !('error' in body)) return false;
  const { error } = body;
  return typeof error === 'object' && error !== null && 'code' in error && 'message' in error;
}

/** Turns a failed answer into an `ApiError` with a readable message. */
export function apiError(response: Response, body: unknown): ApiError {
  const wait = Number(response.headers.get('retry-after'));
  const retryAfter = Number.isFinite(wait) && wait > 0 ? wait : null;
  if (!isWireError(body)) {
    return new ApiError(response.status, 'unexpected', 'The server gave an answer that makes no sense here.', {}, retryAfter);
  }
  const { code, message, fields } = body.error;
  const problems = Object.entries(fields ?? {}).map(([name, problem]) => [name, sentence(problem)] as const);
  return new ApiError(response.status, code, message, Object.fromEntries(problems), retryAfter);
}

// The server describes a field's problem ("is too long"); beside the field that becomes a sentence.
function sentence(problem: unknown): string {
  const text = String(problem);
  return /^[a-z]/.test(text) ? `This ${text}.` : text;
}

/** The message for a person about any failure. */
export function explain(error: unknown): string {
  if (!(error instanceof ApiError)) return 'Something went wrong.';
  if (error.status === 429 && error.retryAfter) return `${error.message} Try again in ${error.retryAfter} s.`;
  return error.message;
}
