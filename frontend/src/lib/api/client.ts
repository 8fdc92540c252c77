import createClient from 'openapi-fetch';
import { ApiError, apiError } from './errors';
import type { paths } from './schema';
import { expired, rereadSession, token } from './session';

async function authorizedFetch(request: Request): Promise<Response> {
  const used = token();
  const again = request.clone();
  const response = await send(request, used);
  if (response.status !== 401 || used === null) return response;
  // Another tab may have renewed the session, which ended our token.
  rereadSession();
  const current = token();
  if (current !== null && current !== used) return send(again, current);
  expired(used);
  return response;
}

function send(request: Request, bearer: string | null): Promise<Response> {
  if (bearer !== null) request.headers.set('authorization', `Bearer ${bearer}`);
  return fetch(request);
}

export const api = createClient<paths>({ baseUrl: window.location.origin, fetch: authorizedFetch });

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The body of a successful answer; every other result, and a missing answer, is an `ApiError`. */
export async function ask<T>(answer: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await answer.catch((cause: unknown) => {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause;
    throw new ApiError(0, 'unreachable', 'The server cannot be reached. Check your connection and try again.');
  });
  if (!response.ok) throw apiError(response, error);
  return data as T;
}
