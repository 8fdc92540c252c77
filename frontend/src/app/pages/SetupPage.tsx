import { Link, Navigate, useParams } from 'react-router';
import { RegisterForm } from '@/features/auth/RegisterForm';
import { useSession, useSetUp } from '@/features/auth/useAuth';
import { ApiError } from '@/lib/api/errors';
import { useTitle } from '@/lib/useTitle';
import { AuthLayout } from './AuthLayout';

/** The page of the link that the server prints at its first start. */
export function SetupPage() {
  const { secret = '' } = useParams();
  const { state } = useSession();
  const setUp = useSetUp(secret);
  useTitle('Set up CodeSync');
  if (state === 'signed-in') return <Navigate to="/" replace />;
  return (
    <AuthLayout
      title="Set up CodeSync"
      footer={
        <>
          You will be its administrator. Not you? <Link to="/register">Create an account</Link>
        </>
      }
    >
      <RegisterForm register={setUp} problem={problem} />
    </AuthLayout>
  );
}

function problem(error: Error): string | undefined {
  const isUsed = error instanceof ApiError && error.status === 404;
  return isUsed ? 'This link was used before, or it has ended. Start the server again for a new one.' : undefined;
}
