import { Check, Copy, Link2, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { Button, IconButton } from '@/components/Button';
import { FormError } from '@/components/Field';
import { explain } from '@/lib/api/errors';
import type { ShareLink } from '@/lib/api/types';
import { exactTime } from '@/lib/time';
import { NewLink } from './NewLink';
import styles from './Share.module.css';
import { useLinks, useRevokeLink } from './useSharing';

export function LinkList({ documentId }: { documentId: string }) {
  const links = useLinks(documentId);
  const revoke = useRevokeLink(documentId);
  // The server returns a link's address only when it is created.
  const [urls, setUrls] = useState<Record<string, string>>({});
  const error = links.error ?? revoke.error;
  const items = links.data?.items ?? [];
  return (
    <>
      <FormError>{error && explain(error)}</FormError>
      {items.length > 0 && (
        <ul className={styles.people}>
          {items.map((link) => (
            <LinkRow key={link.id} link={link} url={urls[link.id]} onRevoke={() => revoke.mutate(link.id)} />
          ))}
        </ul>
      )}
      <NewLink documentId={documentId} onCreated={({ id, url }) => setUrls({ ...urls, [id]: url })} />
      <p className={styles.note}>
        Anyone signed in who has a link gets in with its role. Its address can be copied only here and now, after it is made. Removing a person does not stop a link that is live: revoke the link too.
      </p>
    </>
  );
}

interface LinkRowProps {
  link: ShareLink;
  /** Its address, while known. */
  url: string | undefined;
  onRevoke: () => void;
}

function LinkRow({ link, url, onRevoke }: LinkRowProps) {
  const { role, expires_at } = link;
  const [now] = useState(Date.now);
  const over = typeof expires_at === 'string' && Date.parse(expires_at) <= now;
  return (
    <li className={styles.person}>
      <span className={styles.linkIcon} aria-hidden="true">
        <Link2 size={16} />
      </span>
      <div className={styles.who}>
        <p className={styles.name}>{role === 'viewer' ? 'Anyone with it can view' : 'Anyone with it can edit'}</p>
        <p className={styles.email}>{typeof expires_at === 'string' ? `${over ? 'Expired' : 'Expires'} ${exactTime(expires_at)}` : 'Does not expire'}</p>
      </div>
      {url !== undefined && !over && <CopyButton url={url} />}
      <IconButton label="Revoke link" onClick={onRevoke}>
        <Trash2 size={16} aria-hidden />
      </IconButton>
    </li>
  );
}

function CopyButton({ url }: { url: string }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(url);
      setCopied(true);
      window.setTimeout(() => setCopied(false), 2000);
    } catch {
      // No permission, or no secure origin: the person copies it by hand.
      window.prompt('Copy this link:', url);
    }
  };
  return (
    <Button size="s" onClick={() => void copy()}>
      {copied ? <Check size={15} aria-hidden /> : <Copy size={15} aria-hidden />}
      <span aria-live="polite">{copied ? 'Copied' : 'Copy link'}</span>
    </Button>
  );
}
