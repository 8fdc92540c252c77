import { Link, useNavigate, useParams } from 'react-router';
import { toast } from '@/components/toasts';
import { ResetPasswordForm } from '@/features/auth/ResetPasswordForm';
import { useTitle } from '@/lib/useTitle';
import { AuthLayout } from './AuthLayout';

/** The page of a reset link from an administrator. */
export function ResetPasswordPage() {
  const { secret = '' } = useParams();
  const navigate = useNavigate();
  useTitle('Set a new password');
  const done = () => {
    toast('The password is set. Sign in with it.');
    void navigate('/login', { replace: true });
  };
  return (
    <AuthLayout
      title="Set a new password"
      footer={
        <>
          Remember it after all? <Link to="/login">Sign in</Link>
        </>
      }
    >
      <ResetPasswordForm secret={secret} onDone={done} />
    </AuthLayout>
  );
}
