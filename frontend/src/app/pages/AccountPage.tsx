import { PasswordForm } from '@/features/auth/PasswordForm';
import { ProfileForm } from '@/features/auth/ProfileForm';
import { useMe } from '@/features/auth/useAuth';
import { useTitle } from '@/lib/useTitle';
import styles from '../Page.module.css';

export function AccountPage() {
  const me = useMe();
  useTitle('Account');
  if (me === null) return null;
  return (
    <div className={styles.narrow}>
      <div>
        <h1 className={styles.title}>Account</h1>
        <p>{me.email}</p>
      </div>
      <section className={styles.card}>
        <h2>Profile</h2>
        <ProfileForm user={me} />
      </section>
      <section className={styles.card}>
        <h2>Password</h2>
        <PasswordForm />
      </section>
    </div>
  );
}
