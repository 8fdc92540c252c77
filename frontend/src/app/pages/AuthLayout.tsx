import type { ReactNode } from 'react';
import { Caret } from '@/components/Caret';
import { Logo } from '@/components/Logo';
import styles from './AuthLayout.module.css';

interface AuthLayoutProps {
  title: string;
  children: ReactNode;
  /** The link to the other form. */
  footer: ReactNode;
}

export function AuthLayout({ title, children, footer }: AuthLayoutProps) {
  return (
    <div className={styles.layout}>
      <main className={styles.side}>
        <div className={styles.brand}>
          <Logo size={32} />
        </div>
        <div className={styles.form}>
          <h1 className={styles.title}>{title}</h1>
          {children}
          <p className={styles.footer}>{footer}</p>
        </div>
      </main>
      <Picture />
    </div>
  );
}

/** Two people in one function: the product in one picture. */
function Picture() {
  return (
    <aside className={styles.picture} aria-hidden="true">
      <div className={styles.window}>
        <div className={styles.tabs}>
          <span className={styles.tab}>merge.rs</span>
          <span className={styles.saved}>Saved</span>
        </div>
        <pre className={styles.code}>
          <Line>
            <C>{'// Any order, any machine:'}</C>
          </Line>
          <Line>
            <C>{'// the same '}</C>
            <span className={styles.marked}>text in the end.</span>
            <Caret name="Grace" color={2} />
          </Line>
          <Line>
            <K>pub fn</K> <F>merge</F>(ours: <T>&Doc</T>, theirs: <T>&Doc</T>) -&gt; <T>Doc</T> {'{'}
          </Line>
          <Line>
            {'    '}
            <K>let mut</K> all = ours.<F>edits</F>();
          </Line>
          <Line>
            {'    '}all.<F>extend</F>(theirs.<F>edits</F>());
          </Line>
          <Line />
          <Line>
            {'    '}
            <T>Doc</T>::<F>from</F>(al
            <Caret name="Ada" color={1} />)
          </Line>
          <Line>{'}'}</Line>
        </pre>
      </div>
      <p className={styles.claim}>Write code together, letter by letter, on a server of your own.</p>
    </aside>
  );
}

const Line = ({ children }: { children?: ReactNode }) => <span className={styles.line}>{children}</span>;
const K = ({ children }: { children: string }) => <span className={styles.k}>{children}</span>;
const F = ({ children }: { children: string }) => <span className={styles.f}>{children}</span>;
const T = ({ children }: { children: string }) => <span className={styles.t}>{children}</span>;
const C = ({ children }: { children: string }) => <span className={styles.c}>{children}</span>;
