import { Compass } from 'lucide-react';
import { LinkButton } from '@/components/LinkButton';
import { Notice } from '@/components/Notice';
import { useTitle } from '@/lib/useTitle';
import { BarePage } from '../BarePage';

export function NotFoundPage() {
  useTitle('Page not found');
  return (
    <BarePage>
      <Notice level={1} art={<Compass size={44} strokeWidth={1.4} />} title="There is no page here" actions={<LinkButton to="/">Go to your documents</LinkButton>}>
        The address may be mistyped, or what it led to is gone.
      </Notice>
    </BarePage>
  );
}
