import { Link } from 'react-router';
import { LogoMark } from '@/components/Logo';
import { Notice } from '@/components/Notice';
import { useTitle } from '@/lib/useTitle';
import styles from '../Page.module.css';

export function NotFoundPage() {
  useTitle('Page not found');
  return (
    <main className={styles.centered}>
      <Notice level={1} art={<LogoMark size={48} />} title="There is no page here" actions={<Link to="/">Go to your documents</Link>}>
        The address may be mistyped, or what it led to is gone.
      </Notice>
    </main>
  );
}
