/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Faults of a function, by the module ndshm_pci_faults beside the file that NDSHM_MOCK names.
 * kernel/tests/ndshm_pci_faults.c describes its parameters.
 */
#ifndef _NDSHM_SELFTEST_FAULTS_H
#define _NDSHM_SELFTEST_FAULTS_H

#include "ndshm_pci.h"

/*
 * Load the module for a function, with further parameters or "". Return: 0 or a negative errno;
 * -ENOENT: there is no such module.
 */
int ndshm_faults_load(const struct ndshm_pci *pci, const char *parameters);
int ndshm_faults_unload(void);

/* Write, or read, a parameter. Return: 0 or a negative errno; the number, or -1. */
int ndshm_faults_set(const char *parameter, unsigned int value);
long long ndshm_faults_get(const char *parameter);

/* The function becomes silent at a write of @value, under @mask, to the word @at. */
int ndshm_faults_mute_at(unsigned int at, unsigned int mask, unsigned int value);

#endif /* _NDSHM_SELFTEST_FAULTS_H */
