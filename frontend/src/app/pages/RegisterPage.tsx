import { Link, Navigate, useSearchParams } from 'react-router';
import { RegisterForm } from '@/features/auth/RegisterForm';
import { useRegister, useSession } from '@/features/auth/useAuth';
import { useTitle } from '@/lib/useTitle';
import { nextPath, ofDocument } from '../RequireSession';
import { AuthLayout } from './AuthLayout';

export function RegisterPage() {
  const [params] = useSearchParams();
  const { state } = useSession();
  const register = useRegister();
  useTitle('Create an account');
  if (state === 'signed-in') return <Navigate to={nextPath(params)} replace />;
  return (
    <AuthLayout
      title={ofDocument(nextPath(params)) ? 'Create an account to open the document' : 'Create your account'}
      footer={
        <>
          Already have one? <Link to={{ pathname: '/login', search: params.toString() }}>Sign in</Link>
        </>
      }
    >
      <RegisterForm register={register} />
    </AuthLayout>
  );
}
