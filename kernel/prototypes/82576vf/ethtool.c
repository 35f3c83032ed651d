// SPDX-License-Identifier: GPL-2.0
/*
 * ethtool: name, link, and the registers with the addresses of the rings.
 */
#include <linux/ethtool.h>
#include <linux/pci.h>

#include "regs.h"
#include "vf.h"

static const u16 registers[] = {
	REG_STATUS, REG_RDBAL, REG_RDBAH, REG_RDLEN, REG_RDH, REG_RDT, REG_RXDCTL,
	REG_TDBAL, REG_TDBAH, REG_TDLEN, REG_TDH, REG_TDT, REG_TXDCTL,
};

static int vf_get_regs_len(struct net_device *netdev)
{
	return ARRAY_SIZE(registers) * sizeof(u32);
}

static void vf_get_regs(struct net_device *netdev, struct ethtool_regs *regs, void *data)
{
	struct vf *vf = netdev_priv(netdev);
	u32 *value = data;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(registers); i++)
		value[i] = vf_read(vf, registers[i]);
}

const struct ethtool_ops vf_ethtool_ops = {
	.get_link = ethtool_op_get_link,
	.get_regs_len = vf_get_regs_len,
	.get_regs = vf_get_regs,
};
