"""From a campaign to its batches."""

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from models.push import CampaignState, PushCampaign
from services.jobs import defer_many
from services.push.audience import cut_audience

SEND_TASK: Final = "push.send_batch"


async def plan_campaign(session: AsyncSession, campaign_id: UUID, *, batch_size: int, now: datetime) -> None:
    """Cut the audience into batches and defer a job for each. Planning twice does nothing the second time."""
    campaign = await session.get(PushCampaign, campaign_id, with_for_update=True)
    if campaign is None or campaign.state is not CampaignState.planned:
        return
    numbers = await cut_audience(session, campaign, size=batch_size, now=now)
    campaign.state = CampaignState.sending if numbers else CampaignState.done
    campaign.finished_at = None if numbers else now
    await defer_many(session, SEND_TASK, [{"campaign_id": str(campaign_id), "seq": seq} for seq in numbers])
