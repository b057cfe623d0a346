/* SPDX-License-Identifier: MIT */
/* Rows that say what this machine can enforce: see check-rows.h. */
#include "window/check-rows.h"

#include <glib/gi18n.h>

#include "window/guard.h"

NgwCheckState ngw_check_state(GVariant *capability)
{
	if (ngw_dict_flag(capability, "in-force"))
		return NGW_CHECK_IN_FORCE;
	if (!ngw_dict_flag(capability, "needed"))
		return NGW_CHECK_APART;
	return ngw_dict_flag(capability, "supported") ? NGW_CHECK_MISSING : NGW_CHECK_UNSUPPORTED;
}

guint ngw_check_count(GVariant *capabilities, NgwCheckState state)
{
	guint count = 0;

	for (gsize i = 0; i < g_variant_n_children(capabilities); i++) {
		g_autoptr(GVariant) capability = g_variant_get_child_value(capabilities, i);

		count += ngw_check_state(capability) == state;
	}
	return count;
}

GtkWidget *ngw_check_text_row_new(const char *icon_name, const char *title, const char *subtitle)
{
	GtkWidget *row = adw_action_row_new();
	GtkWidget *icon = gtk_image_new_from_icon_name(icon_name);

	adw_preferences_row_set_use_markup(ADW_PREFERENCES_ROW(row), FALSE);
	adw_preferences_row_set_title(ADW_PREFERENCES_ROW(row), title);
	if (subtitle)
		adw_action_row_set_subtitle(ADW_ACTION_ROW(row), subtitle);
	gtk_widget_set_valign(icon, GTK_ALIGN_CENTER);
	gtk_accessible_update_state(GTK_ACCESSIBLE(icon), GTK_ACCESSIBLE_STATE_HIDDEN, TRUE, -1);
	adw_action_row_add_prefix(ADW_ACTION_ROW(row), icon);
	return row;
}

GtkWidget *ngw_check_row_new(GVariant *capability)
{
	const char *title = ngw_dict_string(capability, "title", "");
	const char *icon = "dialog-information-symbolic";
	g_autofree char *text = NULL;

	/* The title says how it would be: on a line of its own it must not be taken for how it is. */
	switch (ngw_check_state(capability)) {
	case NGW_CHECK_IN_FORCE:
		icon = "emblem-ok-symbolic";
		text = g_strdup(title);
		break;
	case NGW_CHECK_MISSING:
		icon = "dialog-warning-symbolic";
		text = g_strdup_printf(_("Not in force: %s"), title);
		break;
	case NGW_CHECK_UNSUPPORTED:
		icon = "dialog-warning-symbolic";
		text = g_strdup_printf(_("Not on this kernel: %s"), title);
		break;
	case NGW_CHECK_APART:
		text = g_strdup_printf(_("Not in force: %s"), title);
		break;
	}
	return ngw_check_text_row_new(icon, text, ngw_dict_string(capability, "meaning", ""));
}
