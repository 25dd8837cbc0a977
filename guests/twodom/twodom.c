// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * twodom - puts chosen IOMMU groups behind IOMMUs of a test's choosing
 *
 * A board with a single IOMMU has all groups of a container in one domain, so
 * nothing shows what becomes of mappings and IOVA ranges where there are two.
 * This module pretends that the board has more: a domain takes only groups that
 * are behind the same IOMMU as the first it was attached to. Others are refused
 * with EINVAL, as drivers refuse a domain that another IOMMU's driver instance
 * has made. All domains are real, with page tables of their own in the one
 * IOMMU there is, and devices translate through them.
 *
 * Parameters, under /sys/module/twodom/parameters:
 *
 *   add       write "GROUP IOMMU START LAST PAGE-SIZES COHERENCY": the group is
 *             behind IOMMU, a number from 1 on. Domains that it is attached to
 *             translate no more than START to LAST, both inclusive, and have
 *             no other page sizes than the bits of PAGE-SIZES; all three are
 *             hexadecimal. COHERENCY is what a domain says when it is asked to
 *             enforce it: coherent, not-coherent, or as-is for the truth.
 *   refuse    write "IOMMU START LAST": mapping anything from START to LAST in
 *             domains of that IOMMU fails with ERANGE.
 *   clear     write "1": all groups are behind the machine's own IOMMU again,
 *             which is number 0, and nothing is refused.
 *   refused   attaches and mappings that were refused
 *   nomem     domains that there was no room to remember
 *   missed    calls that passed by unseen
 *
 * Which IOMMU a domain is of is remembered from its first group to its end,
 * even of groups that nothing was said of: they don't let those in that are
 * behind another IOMMU.
 *
 * Locking: probes run with preemption off and may not sleep. All that they look
 * at are small tables under a raw spinlock.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/iommu.h>
#include <linux/kernel.h>
#include <linux/kprobes.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/ptrace.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#define PLACES_MOST	64
#define DOMAINS_MOST	256
#define REFUSALS_MOST	64

/* Concurrent calls that can be followed; the tests make one at a time. */
#define CALLS_AT_ONCE	64

enum coherency { NOT_COHERENT, COHERENT, AS_IS };

static const char * const coherencies[] = {
	[NOT_COHERENT] = "not-coherent",
	[COHERENT] = "coherent",
	[AS_IS] = "as-is",
};

/* Where a group is, and what its domains are like there. */
struct place {
	int group;
	int iommu;
	u64 start;
	u64 last;
	unsigned long page_sizes;
	enum coherency coherency;
};

struct known_domain {
	struct iommu_domain *domain;
	/* Of its first group. */
	struct place place;
};

struct refusal {
	int iommu;
	u64 start;
	u64 last;
};

static struct place places[PLACES_MOST];
static unsigned int place_count;
static struct known_domain known_domains[DOMAINS_MOST];
static unsigned int known_count;
static struct refusal refusals[REFUSALS_MOST];
static unsigned int refusal_count;
static DEFINE_RAW_SPINLOCK(tables_lock);	/* all of the above */

static atomic_t refused = ATOMIC_INIT(0);
static atomic_t nomem = ATOMIC_INIT(0);

/* ---- tables; their lock is held ---- */

static struct place place_of(int group)
{
	struct place here = {
		.group = group,
		.last = U64_MAX,
		.page_sizes = ULONG_MAX,
		.coherency = AS_IS,
	};
	unsigned int i;

	for (i = 0; i < place_count; i++)
		if (places[i].group == group)
			return places[i];
	return here;
}
NOKPROBE_SYMBOL(place_of);

static struct known_domain *find_domain(struct iommu_domain *domain)
{
	unsigned int i;

	for (i = 0; i < known_count; i++)
		if (known_domains[i].domain == domain)
			return &known_domains[i];
	return NULL;
}
NOKPROBE_SYMBOL(find_domain);

static bool refuses(int iommu, u64 start, u64 last)
{
	unsigned int i;

	for (i = 0; i < refusal_count; i++)
		if (refusals[i].iommu == iommu && start <= refusals[i].last &&
		    last >= refusals[i].start)
			return true;
	return false;
}
NOKPROBE_SYMBOL(refuses);

/* ---- parameters ---- */

/* The next word of a line, never NULL, so that a missing one fails to parse. */
static char *next_word(char **line)
{
	char *word = *line ? strsep(line, " ") : NULL;

	return word ? word : "";
}

/* IOMMU START LAST, at the beginning of a line. */
static int parse_range(char **line, int *iommu, u64 *start, u64 *last)
{
	int ret;

	ret = kstrtoint(next_word(line), 10, iommu);
	if (ret)
		return ret;
	ret = kstrtou64(next_word(line), 16, start);
	if (ret)
		return ret;
	ret = kstrtou64(next_word(line), 16, last);
	if (ret)
		return ret;
	return *iommu < 1 || *last < *start ? -EINVAL : 0;
}

static int parse_place(char *line, struct place *place)
{
	int coherency, ret;

	ret = kstrtoint(next_word(&line), 10, &place->group);
	if (ret)
		return ret;
	ret = parse_range(&line, &place->iommu, &place->start, &place->last);
	if (ret)
		return ret;
	ret = kstrtoul(next_word(&line), 16, &place->page_sizes);
	if (ret)
		return ret;
	coherency = match_string(coherencies, ARRAY_SIZE(coherencies),
				 next_word(&line));
	if (coherency < 0 || line)
		return -EINVAL;
	place->coherency = coherency;
	return 0;
}

static int parse_refusal(char *line, struct refusal *refusal)
{
	int ret = parse_range(&line, &refusal->iommu, &refusal->start,
			      &refusal->last);

	return !ret && line ? -EINVAL : ret;
}

static int append_place(const struct place *place)
{
	unsigned long flags;
	int ret = 0;

	raw_spin_lock_irqsave(&tables_lock, flags);
	if (place_count < PLACES_MOST)
		places[place_count++] = *place;
	else
		ret = -ENOSPC;
	raw_spin_unlock_irqrestore(&tables_lock, flags);
	return ret;
}

static int add_set(const char *value, const struct kernel_param *param)
{
	char *line = kstrdup(value, GFP_KERNEL);
	struct place place;
	int ret;

	if (!line)
		return -ENOMEM;
	ret = parse_place(strim(line), &place);
	kfree(line);
	return ret ? ret : append_place(&place);
}

static int append_refusal(const struct refusal *refusal)
{
	unsigned long flags;
	int ret = 0;

	raw_spin_lock_irqsave(&tables_lock, flags);
	if (refusal_count < REFUSALS_MOST)
		refusals[refusal_count++] = *refusal;
	else
		ret = -ENOSPC;
	raw_spin_unlock_irqrestore(&tables_lock, flags);
	return ret;
}

static int before_map(struct kprobe *probe, struct pt_regs *regs);

/*
 * Armed as soon as something is to be refused, and from then on: mapping takes longer with it, but arming or disarming it
 * takes as long as thousands of mappings.
 */
static struct kprobe map_probe = {
	.symbol_name = "iommu_map",
	.pre_handler = before_map,
	.flags = KPROBE_FLAG_DISABLED,
};

static int refuse_set(const char *value, const struct kernel_param *param)
{
	char *line = kstrdup(value, GFP_KERNEL);
	struct refusal refusal;
	int ret;

	if (!line)
		return -ENOMEM;
	ret = parse_refusal(strim(line), &refusal);
	kfree(line);
	if (!ret)
		ret = append_refusal(&refusal);
	return ret ? ret : enable_kprobe(&map_probe);
}

static int clear_set(const char *value, const struct kernel_param *param)
{
	unsigned long flags;

	if (!sysfs_streq(value, "1"))
		return -EINVAL;
	raw_spin_lock_irqsave(&tables_lock, flags);
	place_count = 0;
	refusal_count = 0;
	raw_spin_unlock_irqrestore(&tables_lock, flags);
	return 0;
}

static int counter_get(char *buffer, const struct kernel_param *param)
{
	return sysfs_emit(buffer, "%d\n", atomic_read((atomic_t *)param->arg));
}

static const struct kernel_param_ops add_ops = { .set = add_set };
static const struct kernel_param_ops refuse_ops = { .set = refuse_set };
static const struct kernel_param_ops clear_ops = { .set = clear_set };
static const struct kernel_param_ops counter_ops = { .get = counter_get };

module_param_cb(add, &add_ops, NULL, 0200);
module_param_cb(refuse, &refuse_ops, NULL, 0200);
module_param_cb(clear, &clear_ops, NULL, 0200);
module_param_cb(refused, &counter_ops, &refused, 0400);
module_param_cb(nomem, &counter_ops, &nomem, 0400);

/* ---- who may join a domain ---- */

/* Whether the domain is of the IOMMU here; one that nobody has used yet is from now on. */
static bool is_of(struct iommu_domain *domain, const struct place *here)
{
	struct known_domain *known = find_domain(domain);

	if (known)
		return known->place.iommu == here->iommu;
	if (known_count < DOMAINS_MOST) {
		known_domains[known_count].domain = domain;
		known_domains[known_count].place = *here;
		known_count++;
	} else {
		atomic_inc(&nomem);
	}
	return true;
}
NOKPROBE_SYMBOL(is_of);

/* What is run in the place of iommu_attach_group(). */
static noinline int no_attach(void)
{
	return -EINVAL;
}
NOKPROBE_SYMBOL(no_attach);

static int before_attach(struct kprobe *probe, struct pt_regs *regs)
{
	struct iommu_domain *domain;
	struct iommu_group *group;
	struct place here;
	unsigned long flags;
	bool fits;

	domain = (struct iommu_domain *)regs_get_kernel_argument(regs, 0);
	group = (struct iommu_group *)regs_get_kernel_argument(regs, 1);
	raw_spin_lock_irqsave(&tables_lock, flags);
	here = place_of(iommu_group_id(group));
	fits = is_of(domain, &here);
	raw_spin_unlock_irqrestore(&tables_lock, flags);
	if (fits)
		return 0;
	atomic_inc(&refused);
	instruction_pointer_set(regs, (unsigned long)no_attach);
	return 1;
}
NOKPROBE_SYMBOL(before_attach);

static struct kprobe attach_probe = {
	.symbol_name = "iommu_attach_group",
	.pre_handler = before_attach,
};

static int before_free(struct kprobe *probe, struct pt_regs *regs)
{
	struct known_domain *known;
	unsigned long flags;

	raw_spin_lock_irqsave(&tables_lock, flags);
	known = find_domain((struct iommu_domain *)
			    regs_get_kernel_argument(regs, 0));
	if (known)
		*known = known_domains[--known_count];
	raw_spin_unlock_irqrestore(&tables_lock, flags);
	return 0;
}
NOKPROBE_SYMBOL(before_free);

static struct kprobe free_probe = {
	.symbol_name = "iommu_domain_free",
	.pre_handler = before_free,
};

/* ---- what may be mapped ---- */

/* What is run in the place of iommu_map(). */
static noinline int no_map(void)
{
	return -ERANGE;
}
NOKPROBE_SYMBOL(no_map);

static int before_map(struct kprobe *probe, struct pt_regs *regs)
{
	u64 start = regs_get_kernel_argument(regs, 1);
	u64 length = regs_get_kernel_argument(regs, 3);
	struct known_domain *known;
	unsigned long flags;
	bool refusing;

	raw_spin_lock_irqsave(&tables_lock, flags);
	known = find_domain((struct iommu_domain *)
			    regs_get_kernel_argument(regs, 0));
	refusing = known &&
		   refuses(known->place.iommu, start, start + length - 1);
	raw_spin_unlock_irqrestore(&tables_lock, flags);
	if (!refusing)
		return 0;
	atomic_inc(&refused);
	instruction_pointer_set(regs, (unsigned long)no_map);
	return 1;
}
NOKPROBE_SYMBOL(before_map);

/* ---- what a domain is like ---- */

/* The arguments of a call under way; they are gone from the registers later. */
struct call {
	struct iommu_domain *domain;
	struct iommu_group *group;
};

static int on_attach(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	struct call *call = (struct call *)instance->data;

	call->domain = (struct iommu_domain *)regs_get_kernel_argument(regs, 0);
	call->group = (struct iommu_group *)regs_get_kernel_argument(regs, 1);
	return 0;
}
NOKPROBE_SYMBOL(on_attach);

/*
 * By now the driver has told what the domain can do, which some do not know, or
 * tell anew, while attaching.
 */
static int on_attached(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	struct call *call = (struct call *)instance->data;
	struct iommu_domain_geometry *geometry = &call->domain->geometry;
	struct place place;
	unsigned long flags;

	if ((int)regs_return_value(regs))
		return 0;
	raw_spin_lock_irqsave(&tables_lock, flags);
	place = place_of(iommu_group_id(call->group));
	raw_spin_unlock_irqrestore(&tables_lock, flags);
	geometry->aperture_start = max_t(u64, geometry->aperture_start, place.start);
	geometry->aperture_end = min_t(u64, geometry->aperture_end, place.last);
	call->domain->pgsize_bitmap &= place.page_sizes;
	return 0;
}
NOKPROBE_SYMBOL(on_attached);

static struct kretprobe attached_probe = {
	.kp.symbol_name = "iommu_attach_group",
	.entry_handler = on_attach,
	.handler = on_attached,
	.data_size = sizeof(struct call),
	.maxactive = CALLS_AT_ONCE,
};

/*
 * Asking for coherency is up to the driver. Which drivers there are, and what
 * their functions are called, depends on the kernel.
 */
static int on_enforce(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	struct call *call = (struct call *)instance->data;

	call->domain = (struct iommu_domain *)regs_get_kernel_argument(regs, 0);
	return 0;
}
NOKPROBE_SYMBOL(on_enforce);

static int on_enforced(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	struct call *call = (struct call *)instance->data;
	struct known_domain *known;
	enum coherency coherency = AS_IS;
	unsigned long flags;

	raw_spin_lock_irqsave(&tables_lock, flags);
	known = find_domain(call->domain);
	if (known)
		coherency = known->place.coherency;
	raw_spin_unlock_irqrestore(&tables_lock, flags);
	if (coherency != AS_IS)
		regs_set_return_value(regs, coherency == COHERENT);
	return 0;
}
NOKPROBE_SYMBOL(on_enforced);

#define ENFORCED_PROBE(function) {			\
	.kp.symbol_name = function,			\
	.entry_handler = on_enforce,			\
	.handler = on_enforced,				\
	.data_size = sizeof(struct call),		\
	.maxactive = CALLS_AT_ONCE,			\
}

static struct kretprobe enforced_probes[] = {
	ENFORCED_PROBE("intel_iommu_enforce_cache_coherency"),
	ENFORCED_PROBE("intel_iommu_enforce_cache_coherency_fs"),
	ENFORCED_PROBE("intel_iommu_enforce_cache_coherency_ss"),
	ENFORCED_PROBE("amd_iommu_enforce_cache_coherency"),
	ENFORCED_PROBE("arm_smmu_enforce_cache_coherency"),
};
static bool is_probed[ARRAY_SIZE(enforced_probes)];

/* A function that this kernel lacks isn't probed, and isn't called either. */
static void probe_enforcement(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(enforced_probes); i++)
		is_probed[i] = !register_kretprobe(&enforced_probes[i]);
}

static void forget_enforcement(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(enforced_probes); i++)
		if (is_probed[i])
			unregister_kretprobe(&enforced_probes[i]);
}

/* ---- the module ---- */

static struct kprobe *probes[] = { &free_probe, &attach_probe, &map_probe };

static unsigned long missed_by(const struct kretprobe *probe)
{
	return probe->nmissed + probe->kp.nmissed;
}

static int missed_get(char *buffer, const struct kernel_param *param)
{
	unsigned long missed = missed_by(&attached_probe);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(probes); i++)
		missed += probes[i]->nmissed;
	for (i = 0; i < ARRAY_SIZE(enforced_probes); i++)
		missed += missed_by(&enforced_probes[i]);
	return sysfs_emit(buffer, "%lu\n", missed);
}

static const struct kernel_param_ops missed_ops = { .get = missed_get };
module_param_cb(missed, &missed_ops, NULL, 0400);

static int __init twodom_init(void)
{
	int ret = register_kprobes(probes, ARRAY_SIZE(probes));

	if (ret)
		goto fail;
	ret = register_kretprobe(&attached_probe);
	if (ret) {
		unregister_kprobes(probes, ARRAY_SIZE(probes));
		goto fail;
	}
	probe_enforcement();
	return 0;
fail:
	pr_err("cannot probe iommu_attach_group, iommu_domain_free or iommu_map: %d; the kernel needs CONFIG_KPROBES and CONFIG_IOMMU_API\n",
	       ret);
	return ret;
}

static void __exit twodom_exit(void)
{
	forget_enforcement();
	unregister_kretprobe(&attached_probe);
	unregister_kprobes(probes, ARRAY_SIZE(probes));
}

module_init(twodom_init);
module_exit(twodom_exit);
MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("Puts IOMMU groups behind IOMMUs of their own, for tests");
