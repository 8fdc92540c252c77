import { Link, Navigate, useSearchParams } from 'react-router';
import { SignInForm } from '@/features/auth/SignInForm';
import { useSession } from '@/features/auth/useAuth';
import { useTitle } from '@/lib/useTitle';
import { nextPath, ofDocument } from '../RequireSession';
import { AuthLayout } from './AuthLayout';

export function SignInPage() {
  const [params] = useSearchParams();
  const { state } = useSession();
  useTitle('Sign in');
  if (state === 'signed-in') return <Navigate to={nextPath(params)} replace />;
  return (
    <AuthLayout
      title={ofDocument(nextPath(params)) ? 'Sign in to open the document' : 'Welcome back'}
      footer={
        <>
          New here? <Link to={{ pathname: '/register', search: params.toString() }}>Create an account</Link>
        </>
      }
    >
      <SignInForm />
    </AuthLayout>
  );
}
