import { type Account, PASSWORD } from './person';

export type Role = 'viewer' | 'editor' | 'owner';

/** REST calls that prepare a test, and calls that read stored data. */
export class Api {
  constructor(private readonly url: string) {}

  async register(name: string): Promise<Account> {
    const email = `${name.toLowerCase().replace(/[^a-z]+/g, '') || 'someone'}-${crypto.randomUUID().slice(0, 8)}@example.org`;
    await this.call('POST', '/auth/register', { email, name, password: PASSWORD });
    const session = await this.json<{ token: string; expires_at: string; user: { id: string } }>('POST', '/auth/login', { email, password: PASSWORD });
    return { id: session.user.id, name, email, token: session.token, expires_at: session.expires_at, user: session.user };
  }

  create(owner: Account, body: { title?: string; language?: string; text?: string } = {}): Promise<{ id: string }> {
    return this.json('POST', '/documents', { title: 'notes.txt', language: 'plaintext', ...body }, owner);
  }

  async grant(owner: Account, id: string, other: Account, role: Role) {
    await this.call('PUT', `/documents/${id}/collaborators`, { email: other.email, role }, owner);
  }

  async revoke(owner: Account, id: string, other: Account) {
    await this.call('DELETE', `/documents/${id}/collaborators/${other.id}`, undefined, owner);
  }

  async remove(owner: Account, id: string) {
    await this.call('DELETE', `/documents/${id}`, undefined, owner);
  }

  async signOut(account: Account) {
    await this.call('POST', '/auth/logout', undefined, account);
  }

  async text(account: Account, id: string): Promise<string> {
    return (await this.call('GET', `/documents/${id}/text`, undefined, account)).text();
  }

  private async json<T>(method: string, path: string, body?: unknown, as?: Account): Promise<T> {
    return (await (await this.call(method, path, body, as)).json()) as T;
  }

  private async call(method: string, path: string, body?: unknown, as?: Account): Promise<Response> {
    const response = await fetch(`${this.url}/api${path}`, {
      method,
      headers: {
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(as && { authorization: `Bearer ${as.token}` }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return response;
  }
}
