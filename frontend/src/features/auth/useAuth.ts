import { useMutation } from '@tanstack/react-query';
import { api, ask } from '@/lib/api/client';
import { type Session, currentSession, profileChanged, signedIn, signedOut } from '@/lib/api/session';
import type { User } from '@/lib/api/types';
import { useStore } from '@/lib/store';

export function useSession(): Session {
  return useStore(currentSession);
}

/** The person who is signed in; null if nobody is. */
export function useMe(): User | null {
  const session = useSession();
  return session.state === 'signed-out' ? null : session.user;
}

interface Credentials {
  email: string;
  password: string;
}

async function signIn(body: Credentials) {
  signedIn(await ask(api.POST('/api/auth/login', { body })));
}

export function useSignIn() {
  return useMutation({ mutationFn: signIn });
}

export function useRegister() {
  return useMutation({
    mutationFn: async (body: Credentials & { name: string }) => {
      await ask(api.POST('/api/auth/register', { body }));
      await signIn({ email: body.email, password: body.password });
    },
  });
}

/** Creates the first administrator by the secret of the link that the server printed, and signs in. */
export function useSetUp(secret: string) {
  return useMutation({
    mutationFn: async (body: Credentials & { name: string }) => {
      await ask(api.POST('/api/auth/setup', { body: { ...body, secret } }));
      await signIn({ email: body.email, password: body.password });
    },
  });
}

export function useSignOut() {
  return useMutation({
    mutationFn: () => ask(api.POST('/api/auth/logout')),
    // Without an answer the token still expires; here it is removed in any case.
    onSettled: signedOut,
  });
}

export function useUpdateProfile() {
  return useMutation({
    mutationFn: (body: { name: string; color: string }) => ask(api.PATCH('/api/users/me', { body })),
    onSuccess: profileChanged,
  });
}

/** Sets a forgotten password by the secret of a link; every login of the account ends. */
export function useResetPassword() {
  return useMutation({
    mutationFn: (body: { secret: string; password: string }) => ask(api.POST('/api/auth/reset-password', { body })),
  });
}

export function useChangePassword() {
  return useMutation({
    mutationFn: (body: { current_password: string; new_password: string }) => ask(api.POST('/api/users/me/password', { body })),
  });
}
