// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/dma-buf.h>
#include <linux/videodev2.h>

#include "ndshm_dmabuf.h"

#define FRAME_MS	10000

/* Of <drm/drm.h>, which not every system has. */
struct drm_version {
	int major, minor, patch;
	size_t name_length;
	char *name;
	size_t date_length;
	char *date;
	size_t text_length;
	char *text;
};

struct drm_prime {
	__u32 handle;
	__u32 flags;
	__s32 fd;
};

struct drm_close {
	__u32 handle;
	__u32 pad;
};

#define DRM_VERSION	_IOWR('d', 0x00, struct drm_version)
#define DRM_CLOSE	_IOW('d', 0x09, struct drm_close)
#define DRM_EXPORT	_IOWR('d', 0x2d, struct drm_prime)
#define DRM_IMPORT	_IOWR('d', 0x2e, struct drm_prime)

int ndshm_dmabuf_sync(int dmabuf, __u64 flags)
{
	struct dma_buf_sync sync = { .flags = flags };

	return ioctl(dmabuf, DMA_BUF_IOCTL_SYNC, &sync) ? -errno : 0;
}

const char *ndshm_dmabuf_fdinfo(int dmabuf, const char *key)
{
	static char line[256];
	const size_t length = strlen(key);
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", dmabuf);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		if (strncmp(line, key, length) || line[length] != ':')
			continue;
		fclose(file);
		line[strcspn(line, "\n")] = '\0';
		return line + length + 2;
	}
	if (file)
		fclose(file);
	return "";
}

/* Open the first file of @pattern that @wanted accepts. */
static int open_first(const char *pattern, bool (*wanted)(int fd))
{
	glob_t found;
	int fd = -1;
	size_t i;

	if (glob(pattern, 0, NULL, &found))
		return -1;
	for (i = 0; i < found.gl_pathc && fd < 0; i++) {
		fd = open(found.gl_pathv[i], O_RDWR | O_CLOEXEC);
		if (fd >= 0 && !wanted(fd)) {
			close(fd);
			fd = -1;
		}
	}
	globfree(&found);
	return fd;
}

static bool is_vgem(int fd)
{
	char name[8] = "";
	struct drm_version version = { .name = name, .name_length = sizeof(name) - 1 };

	return !ioctl(fd, DRM_VERSION, &version) && !strcmp(name, "vgem");
}

int ndshm_vgem_open(void)
{
	return system("modprobe -q vgem") ? -1 : open_first("/dev/dri/renderD*", is_vgem);
}

int ndshm_vgem_import(int vgem, int dmabuf, __u32 *handle)
{
	struct drm_prime prime = { .fd = dmabuf };

	if (ioctl(vgem, DRM_IMPORT, &prime))
		return -errno;
	*handle = prime.handle;
	return 0;
}

int ndshm_vgem_export(int vgem, __u32 handle)
{
	struct drm_prime prime = { .handle = handle, .flags = O_RDWR | O_CLOEXEC };

	return ioctl(vgem, DRM_EXPORT, &prime) ? -errno : prime.fd;
}

int ndshm_vgem_close(int vgem, __u32 handle)
{
	struct drm_close close = { .handle = handle };

	return ioctl(vgem, DRM_CLOSE, &close) ? -errno : 0;
}

static bool is_vivid_camera(int fd)
{
	struct v4l2_capability capability;
	struct v4l2_format format = {
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.fmt.pix = {
			.width = 640, .height = 360, .pixelformat = V4L2_PIX_FMT_YUYV,
		},
	};
	int webcam = 0;

	return !ioctl(fd, VIDIOC_QUERYCAP, &capability) &&
	       !strcmp((char *)capability.driver, "vivid") &&
	       capability.device_caps & V4L2_CAP_VIDEO_CAPTURE &&
	       !ioctl(fd, VIDIOC_S_INPUT, &webcam) &&
	       !ioctl(fd, VIDIOC_S_FMT, &format) &&
	       format.fmt.pix.sizeimage == NDSHM_VIVID_FRAME;
}

int ndshm_vivid_open(void)
{
	return system("modprobe -q vivid") ? -1 : open_first("/dev/video*", is_vivid_camera);
}

static long vivid_frame(int vivid, int dmabuf, size_t length)
{
	struct v4l2_buffer buffer = {
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_DMABUF,
		.m.fd = dmabuf, .length = length,
	};
	struct pollfd ready = { .fd = vivid, .events = POLLIN };

	if (ioctl(vivid, VIDIOC_QBUF, &buffer) || ioctl(vivid, VIDIOC_STREAMON, &buffer.type))
		return -errno;
	if (poll(&ready, 1, FRAME_MS) != 1)
		return -ETIMEDOUT;
	return ioctl(vivid, VIDIOC_DQBUF, &buffer) ? -errno : (long)buffer.bytesused;
}

long ndshm_vivid_capture(int vivid, int dmabuf, size_t length)
{
	struct v4l2_requestbuffers buffers = {
		.count = 2, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_DMABUF,
	};
	int type = buffers.type;
	long ret;

	if (ioctl(vivid, VIDIOC_REQBUFS, &buffers))
		return -errno;
	ret = vivid_frame(vivid, dmabuf, length);
	ioctl(vivid, VIDIOC_STREAMOFF, &type);
	buffers.count = 0;
	ioctl(vivid, VIDIOC_REQBUFS, &buffers);
	return ret;
}
